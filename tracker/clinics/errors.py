"""The one refusal that says nothing."""


class NotFoundOrHidden(Exception):
    """There is no such thing, or not for whoever asks. The two cannot be told apart."""
