#!/bin/bash
# Runs once, when the database is new: the owner, who migrates, and the product's role, who owns nothing.
set -euo pipefail

secrets=${SECRETS_DIR:-/run/secrets}

# By the environment and not as arguments: everybody may read a process's arguments.
OWNER_PASSWORD=$(cat "$secrets/owner_password")
APP_PASSWORD=$(cat "$secrets/app_password")
export OWNER_PASSWORD APP_PASSWORD

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set database="${POSTGRES_DB:-interlude}" <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
CREATE ROLE interlude_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE interlude_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'app_password';
ALTER DATABASE :"database" OWNER TO interlude_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO interlude_app;
SQL
