"""The app of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "tracker.accounts"

    def ready(self) -> None:
        """
        Let passwords arrive as they were typed on allauth's API, as they do on its pages.

        It would cut blanks off their ends, and no hash made of the whole text could ever be met; ``passwords`` has the
        one normal form.
        """
        from allauth.headless.account import inputs

        for form, name in (
            (inputs.LoginInput, "password"),
            (inputs.ResetPasswordInput, "password"),
            (inputs.ChangePasswordInput, "current_password"),
            (inputs.ChangePasswordInput, "new_password"),
        ):
            form.base_fields[name].strip = False
