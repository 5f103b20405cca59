FROM python:3.12-slim AS build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
ENV PATH=/venv/bin:$PATH
WORKDIR /daybook
COPY . .
# Any values do: collectstatic reads the settings and connects to nothing.
RUN SECRET_KEY=unused DATABASE_URL=postgres://unused/unused STATIC_ROOT=/static python manage.py collectstatic --no-input -v 0 \
    && python -m compileall -q apps config

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home daybook && install -d -o daybook -m 0700 /var/lib/daybook /var/lib/daybook/uploads
COPY --from=build /venv /venv
COPY --from=build /static /static
COPY --from=build /daybook /daybook
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 STATIC_ROOT=/static
WORKDIR /daybook
USER daybook
EXPOSE 8000
# It asks under a name that the site answers to; any other is refused.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", "\
import os, urllib.request as http; \
name = os.environ['ALLOWED_HOSTS'].split(',')[0].strip('.').replace('*', 'localhost'); \
http.urlopen(http.Request('http://127.0.0.1:8000/health', headers={'Host': name}), timeout=4)"]
CMD ["gunicorn", "config.wsgi", "--workers", "2", "--threads", "4", "--preload", "--log-level", "warning", "--no-control-socket", "--bind", "0.0.0.0:8000"]
