# preconsult as an image: hash-locked packages, nothing of the build left behind, no root, no secret.
# Keys, database address and the rest arrive at run time (PRECONSULT_*, *_FILE); what is kept lies in /data.
FROM python:3.11-slim-bookworm AS packages
COPY requirements/image.lock /tmp/image.lock
RUN python -m venv /venv \
 && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-deps -r /tmp/image.lock \
 && /venv/bin/python -m pip uninstall -y setuptools pip

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PRECONSULT_DATA_DIR=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 preconsult \
 && useradd --uid 10001 --gid preconsult --home-dir /data --no-create-home --shell /usr/sbin/nologin preconsult \
 && install --directory --owner=preconsult --group=preconsult --mode=0700 /data
COPY --from=packages /venv /venv
WORKDIR /srv/preconsult
COPY LICENSE NOTICE ./
COPY migrations ./migrations
COPY app ./app
RUN python -m compileall -q app && chmod -R a+rX /srv/preconsult \
 && printf '%s\n' '#!/venv/bin/python' 'import sys' 'sys.path[0] = "/srv/preconsult"' \
        'from app.cli import main' 'main(prog_name="preconsult")' > /venv/bin/preconsult \
 && chmod 755 /venv/bin/preconsult
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib import request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["preconsult"]
CMD ["serve", "--host", "0.0.0.0"]
