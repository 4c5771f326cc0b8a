"""Makes buckets that are not there yet, in a store of our own. Arguments: CONNECTION BUCKET, in pairs."""

import sys

import boto3

from collecte.settings import Settings
from collecte.transport import load_endpoint


def make(connection_id: str, bucket: str) -> None:
    store = load_endpoint(connection_id, Settings.from_environment())
    client = boto3.client(
        "s3",
        endpoint_url=store.text("endpoint_url"),
        region_name=store.text("region_name") or "us-east-1",
        aws_access_key_id=store.login,
        aws_secret_access_key=store.password,
    )
    if bucket not in {known["Name"] for known in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=bucket)


if __name__ == "__main__":
    for pair in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        make(*pair)
