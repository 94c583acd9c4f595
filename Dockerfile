# The user service with every optional driver; compose.yaml runs it.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /srv/backstory

COPY pyproject.toml README.md LICENSE ./
COPY requirements/pins.txt requirements/
COPY src src
RUN pip install --constraint requirements/pins.txt '.[postgres,telemetry]'

# Where files go when no database is named; the service needs no other rights.
RUN useradd --system backstory && install --directory --owner backstory /srv/backstory/data
USER backstory
ENV BACKSTORY_DEMO_DATA=/srv/backstory/data

EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/readyz', timeout=4)"]

CMD ["backstory", "demo", "--host", "0.0.0.0"]
