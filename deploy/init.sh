#!/bin/sh
# What must have happened before a component starts; run again at each start, and it changes nothing that is there.
set -eu
install -m 600 /run/secrets/airflow_passwords.json "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
airflow db migrate
python /opt/collecte/deploy/migrate.py
python /opt/collecte/deploy/buckets.py demo_hdh hdh-demo demo_s3_belcombe belcombe \
    demo_host_s3 host-demo demo_open_s3 open-demo
