# The product's image: the hashed lock on a slim Python, run by a user who owns nothing in it.
FROM python:3.11.14-slim-bookworm AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv --without-pip /opt/interlude/venv \
    && pip --python /opt/interlude/venv/bin/python install --no-cache-dir --disable-pip-version-check \
       --require-hashes --no-deps --only-binary :all: -r /tmp/requirements.txt \
    && /opt/interlude/venv/bin/python -m compileall -q /opt/interlude/venv/lib

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 interlude \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin interlude \
    # A named volume takes over the owner of the folder that it covers.
    && install -d -o interlude -g interlude -m 0700 /var/lib/interlude/mail /var/lib/interlude/beat \
       /var/lib/interlude/anchors
COPY --from=packages /opt/interlude/venv /opt/interlude/venv
COPY manage.py /opt/interlude/
COPY backend /opt/interlude/backend
COPY tracker /opt/interlude/tracker
# The reference phone: `manage.py demo` sends the real diary with it.
COPY examples /opt/interlude/examples
WORKDIR /opt/interlude
ENV PATH=/opt/interlude/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=backend.settings \
    AUDIT_ANCHORS=/var/lib/interlude/anchors
RUN python -m compileall -q backend tracker examples
USER 10001:10001
EXPOSE 8000
# Plain HTTP: TLS 1.2 or newer is the work of the proxy in front (BEHIND_TLS_PROXY=1, PUBLIC_URL=https://...).
CMD ["python", "-m", "backend.serve", "--host", "0.0.0.0"]
