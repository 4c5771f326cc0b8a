# Everything of Collecte in one image; the command decides which component of Airflow it is.
FROM python:3.12-slim-bookworm

RUN useradd --uid 1000 --create-home collecte \
    && install -d -o collecte /var/lib/collecte/airflow /var/lib/collecte/landing /var/lib/collecte/curated \
        /var/lib/collecte/release /var/lib/collecte/vault /var/lib/collecte/open /var/lib/collecte/reports
WORKDIR /opt/collecte

COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

COPY pyproject.toml README.md ./
COPY include/ include/
COPY dags/ dags/
COPY plugins/ plugins/
COPY expectations/ expectations/
COPY deploy/ deploy/
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --editable .

ENV AIRFLOW_HOME=/var/lib/collecte/airflow PYTHONUNBUFFERED=1
USER collecte
