"""The only settings. Every value from the environment passes through ``backend.env`` and is checked there."""

from pathlib import Path

from backend import env, queues
from tracker.lib import logs

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.secret("SECRET_KEY", at_least=40)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "127.0.0.1,localhost")
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
VERSION = "0.1.0"

# Encryption. Keys have one purpose each, and none derives from SECRET_KEY.
MASTER_KEY_ID = env.text("MASTER_KEY_ID", "m1")
MASTER_KEY = env.key("MASTER_KEY")
MASTER_KEYS_OLD = env.named_keys("MASTER_KEYS_OLD")
if MASTER_KEYS_OLD.get(MASTER_KEY_ID, MASTER_KEY) != MASTER_KEY:
    raise env.BadEnvironment(
        f"MASTER_KEYS_OLD holds another key under {MASTER_KEY_ID}, the id of MASTER_KEY: a new key needs a new id."
    )
LOOKUP_KEY = env.key("LOOKUP_KEY")

# The audit. Anchors leave the database: a folder on this machine, to be shipped to another one.
# Only those who sign have the key: worker, watch and `manage.py audit`.
ANCHOR_KEY = env.optional_key("ANCHOR_KEY")
ANCHOR_KEYS_OLD = env.keys("ANCHOR_KEYS_OLD")
AUDIT_ANCHORS = env.text("AUDIT_ANCHORS", str(BASE_DIR / "var" / "anchors"))

INSTALLED_APPS = [
    "tracker.accounts",
    "tracker.clinics",
    "tracker.keys",
    "tracker.access",
    "tracker.audit",
    "tracker.instruments",
    "tracker.records",
    "tracker.outbox",
    "tracker.treatment",
    "tracker.reminders",
    "tracker.alerts",
    "tracker.progress",
    "tracker.sync",
    "tracker.api",
    "tracker.dashboard",
    "tracker.demo",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.headless",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "tracker.lib.middleware.RequestLogMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "tracker.api.compression.CompressionMiddleware",
    "tracker.api.refusals.RefusedWriteMiddleware",
    "backend.errors.LongHeadersMiddleware",
    "backend.errors.AmbiguousLengthMiddleware",
    "tracker.accounts.middleware.SignInThrottleMiddleware",
    "tracker.access.sign_in_audit.SignInAuditMiddleware",
    "tracker.outbox.security_notices.SecurityNoticeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "tracker.accounts.middleware.BrowserSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "tracker.accounts.middleware.SessionThrottleMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "backend.errors.ServiceUnavailableMiddleware",
    "backend.errors.MethodNotAllowedMiddleware",
]

ROOT_URLCONF = "backend.urls"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
    # Long tables only (`dashboard/jinja2/`): it escapes like Django's own engine and renders rows several times faster.
    {"BACKEND": "django.template.backends.jinja2.Jinja2", "APP_DIRS": True, "NAME": "jinja2"},
]

# PostgreSQL, as a role that owns nothing. Commands that change the schema or the rights run as the owner, and
# `prepare_database` alone makes roles: only one-off processes are given the addresses of those two.
DATABASE_APP = env.database("DATABASE_URL")
DATABASE_OWNER = env.optional_database("DATABASE_OWNER_URL")
DATABASE_ADMIN = env.optional_database("DATABASE_ADMIN_URL")
_POOL = env.number("DATABASE_POOL", 0, low=0, high=200)
_DATABASE = DATABASE_APP | {"OPTIONS": dict(DATABASE_APP["OPTIONS"])}
if _POOL:
    # A server that is back is found by the next request: by itself the pool asks at ever longer intervals, for 300 s.
    _DATABASE["OPTIONS"] |= {"pool": {"min_size": 1, "max_size": _POOL, "timeout": 2, "reconnect_timeout": 1}}
else:
    # A connection that broke while nobody used it is replaced; of those of a pool ``backend.postgresql`` says the same.
    _DATABASE |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
# Parameters are bound by the server and statements prepared: ingest's are planned once per connection, and
# not anew for every patient, since each reads one patient's rows by the same index.
_DATABASE["OPTIONS"] |= {
    "connect_timeout": 3,
    "server_side_binding": True,
    "prepare_threshold": 3,
    "options": "-c plan_cache_mode=force_generic_plan",
}
DATABASES = {"default": _DATABASE}
# Some check constraints are SQL that only the database understands; the warning would stand before every migration.
SILENCED_SYSTEM_CHECKS = ["models.W045"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Time limits of delivery and of tasks in seconds, each long enough for what goes before: one answer of a mail server;
# the sending of one message; the time in a run in which the last one is begun; a task's, and after that its process's
# end; the lease, after which another worker sends what this one holds; and after which the broker gives its task to
# another worker.
EMAIL_TIMEOUT = 10
OUTBOX_SEND_S = 15
OUTBOX_RUN_S = 30
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 60
OUTBOX_LEASE_S = 120
VISIBILITY_TIMEOUT_S = 300

# Celery on Valkey. The broker carries hints, never the only copy of anything.
REDIS_URL = env.broker("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL
# Drops what is none of our messages before a worker trips over it.
CELERY_BROKER_TRANSPORT = "backend.broker:Transport"
CELERY_TASK_QUEUES = {name: {"exchange": name} for name in queues.IN_ORDER}
# Nobody tells a worker by the broker to stop, or to take nothing.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
# A dead broker costs a request a tenth of a second, not six: no retries, a short connect.
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, float | str] = {
    "max_retries": 0,
    "socket_connect_timeout": 1,
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "queue_order_strategy": "priority",
}
if _POOL:  # The web process only hints: a broker that hangs is given up as quickly as one that is dead.
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False

# Allauth marks used one-time codes in Django's cache. They stand in PostgreSQL, and nothing else is cached.
CACHES = {"default": {"BACKEND": "tracker.accounts.caches.UsedCodeCache"}}

# Sign-in
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["tracker.accounts.backends.PasswordBackend"]
PASSWORD_HASHERS = ["tracker.accounts.hashers.Argon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "tracker.accounts.sessions"
# The server ends a session (accounts.sessions); the browser's cookie goes with the browser.
SESSION_COOKIE_AGE = 15 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
_TLS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _TLS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_HSTS_SECONDS = 31_536_000 if _TLS else 0
_BEHIND_PROXY = env.flag("BEHIND_TLS_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _BEHIND_PROXY else None
# Behind a proxy the caller's address is what the proxy says; without one, nobody's word is taken for it.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if _BEHIND_PROXY else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# Django's own. Allauth's copies the address, in plain, into a table of its own.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "tracker.accounts.adapter.AccountAdapter"
ACCOUNT_LOGOUT_ON_GET = False
# Tries are counted in one place: accounts.throttle, before the transaction of the sign-in.
THROTTLE_FAILURE_VIEW = "backend.errors.too_many_attempts"
OVERLOADED_VIEW = "backend.errors.overloaded"
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False
# Nobody learns by mail or by waiting whether an address has an account.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
PASSWORD_RESET_TIMEOUT = 60 * 60
# Nobody changes an address or a password from a screen that was left open.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Addresses come with a clinic's invitation; there is no second copy of them to verify.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_ADAPTER = "tracker.accounts.second_factor.MFAAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Interlude"
# The code before and the code after count too: clocks differ, and typing takes time. None is good twice
# (accounts.caches keeps their marks longer than that).
MFA_TOTP_TOLERANCE = 1
HEADLESS_CLIENTS = ("app",)
HEADLESS_ONLY = False
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tracker.api.authentication.SessionToken"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["tracker.api.throttling.SignedInThrottle"],
    "DEFAULT_PARSER_CLASSES": ["tracker.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["tracker.api.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "tracker.api.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tracker.api.exceptions.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
# Apps in a browser that may call the API and its sign-in from other origins. They bring a token, and no cookie.
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/(api|_allauth/app)/v1/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
CORS_ALLOW_HEADERS = [
    "accept", "content-encoding", "content-type", "idempotency-key", "if-match", "if-none-match", "x-app-version",
    "x-device", "x-password-reset-key", "x-request-id", "x-session-token",
]  # fmt: skip
CORS_EXPOSE_HEADERS = [
    "Allow", "Deprecation", "ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Sunset",
    "WWW-Authenticate", "X-Remaining", "X-Request-ID",
]  # fmt: skip
CORS_PREFLIGHT_MAX_AGE = 7200
SPECTACULAR_SETTINGS = {
    "TITLE": "Interlude",
    "DESCRIPTION": (
        "What happens between treatment sessions: records in, progress out. Sign-in, second factor, password reset and"
        " re-authentication have a document of their own, `/api/v1/schema/accounts`; `docs/api.md` shows how to begin."
    ),
    "VERSION": VERSION,
    "CONTACT": {"name": "The developers of Interlude"},
    "LICENSE": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    "SERVERS": [{"url": "/", "description": "this server"}],
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Names of components are made in `tracker.api.openapi.component_name`, enums have the names that the code gives.
    "COMPONENT_SPLIT_REQUEST": False,
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": ["tracker.api.openapi_hooks.complete"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# The oldest version of an app that may do all (``X-App-Version``); older ones may still send entries. Empty: every one.
MINIMUM_APP_VERSION = env.version("MINIMUM_APP_VERSION")

# What one signed-in person may ask for. A phone that was offline for a month needs some ten: a push takes 500 records.
READS_PER_MINUTE = env.number("READS_PER_MINUTE", 1200, low=60, high=10**9)
WRITES_PER_MINUTE = env.number("WRITES_PER_MINUTE", 600, low=60, high=10**9)
# How long, in ten minutes, a person's refused requests may be searched for safety answers in full; then in part.
REFUSED_SCAN_SECONDS = env.number("REFUSED_SCAN_SECONDS", 30, low=1, high=600)

# What the records of one patient may hold, as sent: 256 MB, some decades of a busy diary.
PATIENT_STORAGE_BYTES = env.number("PATIENT_STORAGE_MB", 256, low=1, high=100_000) * 1024 * 1024

# A folder with a clinic's own questionnaires (docs/instruments.md), beside those that the product carries.
OWN_CATALOGUE = env.text("OWN_CATALOGUE", "")

# Mail: an SMTP server, or a folder whose mail reaches nobody. There is no default: an alert that goes unnoticed into a
# folder is one that nobody sees.
MAIL_FROM = env.text("MAIL_FROM", "no-reply@interlude.invalid")
DEFAULT_FROM_EMAIL = MAIL_FROM
EMAIL_HOST = env.text("SMTP_HOST", "")
EMAIL_PORT = env.number("SMTP_PORT", 587, low=1, high=65535)
EMAIL_HOST_USER = env.text("SMTP_USER", "")
EMAIL_HOST_PASSWORD = env.text("SMTP_PASSWORD", "")
_SMTP_TLS = env.one_of("SMTP_TLS", "starttls", "tls", "none")
EMAIL_USE_TLS, EMAIL_USE_SSL = _SMTP_TLS == "starttls", _SMTP_TLS == "tls"
EMAIL_FILE_PATH = env.text("MAIL_DIR", "")
MAIL_BY = "smtp" if EMAIL_HOST else "folder"
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
if not EMAIL_HOST:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    if not EMAIL_FILE_PATH:
        raise env.BadEnvironment(
            "no mail would leave: name an SMTP server with SMTP_HOST, or, to write mail to files that reach nobody,"
            " a folder with MAIL_DIR."
        )
if EMAIL_HOST and _SMTP_TLS == "none" and EMAIL_HOST not in {"localhost", "127.0.0.1", "::1"}:
    raise env.BadEnvironment(
        "SMTP_TLS=none is for a relay on this machine only: SMTP_HOST must be localhost."
    )
if EMAIL_HOST and MAIL_FROM.endswith(".invalid"):
    raise env.BadEnvironment("MAIL_FROM is not set: mail by SMTP needs the address that it comes from.")
if bool(EMAIL_HOST_USER) != bool(EMAIL_HOST_PASSWORD):
    raise env.BadEnvironment("SMTP_USER and SMTP_PASSWORD belong together: set both, or neither.")

# Language, time, files
LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
# Served from where they lie: nothing to collect, one build step less.
WHITENOISE_USE_FINDERS = True
STATICFILES_FINDERS = ["backend.static_files.AppFinder"]
WHITENOISE_ALLOW_ALL_ORIGINS = False

LOGGING = logs.SETTINGS
