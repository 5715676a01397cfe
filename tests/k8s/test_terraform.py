"""Bucket, queue, key and roles: Terraform's own checks, and an apply against an S3, SQS, KMS and IAM server of the tests' own."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
import yaml

from orchestration.placement import STEP_ACCOUNT, Zone, namespace_of
from tests.k8s.rendering import K8S, built
from tests.postgres_server import free_port

PROVIDERS = Path(os.environ.get("VITRINE_TERRAFORM_PROVIDERS", "/opt/tf-plugins"))
"""Where a copy of the AWS provider lies; nothing is fetched."""

pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")

VARIABLES = {"region": "eu-central-1", "bucket": "vitrine-eu-central-1", "oidc_provider": "oidc.eks.eu-central-1.amazonaws.com/id/TEST"}
OVERRIDE = """
provider "aws" {{
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  endpoints {{
    {endpoints}
  }}
}}
# The tests' server keeps no redrive-allow policy, and the provider would wait three minutes to read it back.
resource "aws_sqs_queue" "unread" {{
  redrive_allow_policy = null
}}
# It writes this one back with blanks in it.
resource "aws_sqs_queue" "uploads" {{
  lifecycle {{
    ignore_changes = [redrive_policy]
  }}
}}
"""


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": os.devnull,
    }
    return subprocess.run(["terraform", *arguments], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A copy of the configuration with the provider installed."""
    if not PROVIDERS.is_dir():
        pytest.skip(f"needs a copy of the AWS provider, which is not at {PROVIDERS}; set VITRINE_TERRAFORM_PROVIDERS")
    root = tmp_path_factory.mktemp("terraform")
    shutil.copytree(K8S / "terraform", root / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    shutil.copytree(K8S / "cluster", root / "cluster")
    done = terraform(root / "terraform", "init", "-input=false", "-no-color", f"-plugin-dir={PROVIDERS}")
    assert done.returncode == 0, done.stderr
    return root / "terraform"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An AWS in a process of its own: the provider asks it side by side."""
    port = free_port()
    with (tmp_path_factory.mktemp("aws") / "log").open("wb") as log:
        running = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)
    yield url
    running.kill()
    running.wait()


@pytest.fixture(scope="module")
def applied(folder, server):
    """The configuration applied once; its folder and a client maker."""
    import boto3

    lines = "\n    ".join(f'{name} = "{server}"' for name in ("s3", "sqs", "kms", "iam", "sts"))
    (folder / "tests_override.tf").write_text(OVERRIDE.format(endpoints=lines))
    (folder / "tests.auto.tfvars.json").write_text(json.dumps(VARIABLES))
    done = terraform(folder, "apply", "-auto-approve", "-input=false", "-no-color")
    assert done.returncode == 0, done.stderr[-3000:]
    account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": VARIABLES["region"]}
    return lambda service: boto3.client(service, endpoint_url=server, **account)


def test_the_configuration_is_formatted_as_terraform_wants():
    done = terraform(K8S / "terraform", "fmt", "-check", "-diff")
    assert done.returncode == 0, done.stdout


def test_the_configuration_is_valid(folder):
    done = terraform(folder, "validate", "-json")
    answer = json.loads(done.stdout)
    assert answer["valid"], answer["diagnostics"]
    assert answer["warning_count"] == 0


@pytest.mark.slow
def test_the_bucket_keeps_versions_encrypts_and_is_closed_to_the_public(applied):
    s3, name = applied("s3"), VARIABLES["bucket"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert applied("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


@pytest.mark.slow
def test_the_bucket_has_the_policy_that_the_manifests_checks_read(applied):
    s3, name = applied("s3"), VARIABLES["bucket"]
    policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    ours = yaml.safe_load((K8S / "cluster" / "bucket-policy.yaml").read_text())
    assert {s["Sid"] for s in policy["Statement"]} == {s["Sid"] for s in ours["Statement"]}
    once = next(s for s in policy["Statement"] if s["Sid"] == "BlobsAndManifestsAreWrittenOnce")
    assert {r.split(":::")[1] for r in once["Resource"]} == {f"{name}/blobs/*", f"{name}/manifests/*"}
    assert "111111111111" not in json.dumps(policy)


@pytest.mark.slow
def test_uploads_are_announced_and_what_cannot_be_read_goes_aside(applied):
    sqs, name = applied("sqs"), VARIABLES["bucket"]
    announced = applied("s3").get_bucket_notification_configuration(Bucket=name)["QueueConfigurations"]
    uploads = sqs.get_queue_url(QueueName=f"{name}-uploads")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=uploads, AttributeNames=["All"])["Attributes"]
    assert [q["QueueArn"] for q in announced] == [attributes["QueueArn"]]
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(f":{name}-uploads-unread")
    assert int(redrive["maxReceiveCount"]) == 5


@pytest.mark.slow
def test_each_zones_role_can_be_taken_by_its_own_steps_only(applied):
    iam = applied("iam")
    annotated = {
        (o["metadata"]["namespace"], o["metadata"]["name"]): o["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].rsplit("/", 1)[1]
        for o in built(K8S / "overlays" / "production")
        if o["kind"] == "ServiceAccount" and "eks.amazonaws.com/role-arn" in o["metadata"].get("annotations", {})
    }
    assert {(namespace_of(zone), STEP_ACCOUNT) for zone in Zone} <= set(annotated)
    for (namespace, account), role in annotated.items():
        (statement,) = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        subjects = statement["Condition"]["StringEquals"][f"{VARIABLES['oidc_provider']}:sub"]
        assert subjects == f"system:serviceaccount:{namespace}:{account}"
    made = {role["RoleName"] for role in iam.list_roles()["Roles"]}
    assert made == set(annotated.values())


@pytest.mark.slow
def test_only_the_publish_zone_may_write_what_the_shop_sees(applied):
    iam, writers = applied("iam"), set()
    for zone in Zone:
        policy = iam.get_role_policy(RoleName=f"vitrine-{zone}", PolicyName="bucket")["PolicyDocument"]
        written = next(s for s in policy["Statement"] if s["Sid"] == "Write")["Resource"]
        assert all(r.count("/") == 2 or r.endswith("/*") for r in written)
        writers |= {zone for r in written if r.endswith("/published/*")}
    assert writers == {Zone.PUBLISH}


@pytest.mark.slow
def test_a_second_apply_would_change_nothing(folder, applied):
    done = terraform(folder, "plan", "-detailed-exitcode", "-input=false", "-no-color")
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
def test_an_upload_is_announced_on_the_queue(applied):
    """Last, because the tests' server takes every Deny for unconditional: the policy must go before anything can be put."""
    s3, sqs, name = applied("s3"), applied("sqs"), VARIABLES["bucket"]
    with pytest.raises(s3.exceptions.ClientError, match="Forbidden"):
        s3.put_object(Bucket=name, Key="incoming/photos/A-1.jpg", Body=b"a picture")
    s3.delete_bucket_policy(Bucket=name)
    s3.put_object(Bucket=name, Key="incoming/photos/A-1.jpg", Body=b"a picture")
    s3.put_object(Bucket=name, Key="blobs/sha256/aa", Body=b"not an upload")
    url = sqs.get_queue_url(QueueName=f"{name}-uploads")["QueueUrl"]
    announced = [m["Body"] for m in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2, MaxNumberOfMessages=10)["Messages"]]
    records = [r for body in announced for r in json.loads(body).get("Records", [])]
    assert [unquote_plus(r["s3"]["object"]["key"]) for r in records] == ["incoming/photos/A-1.jpg"]
