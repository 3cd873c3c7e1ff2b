"""s3cmd: files, trees, copies and links."""

import shutil
from pathlib import Path

import requests

from harness.clients import boto3_client
from harness.programs import beside_python, finished
from harness.site import Site, host_and_port
from harness.trees import KIB, MIB, digest_of_file, digests, grow, large_file

PARTS = "--multipart-chunk-size-mb=5"


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """A large file goes up in parts, a tree is synced both ways, copies and links give the same bytes."""
    _a_large_file(site, bucket, folder)
    _a_tree(site, bucket, folder)
    _copies(site, bucket, folder)


def test_everyday_commands(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_a_bucket_is_made_emptied_and_removed(site: Site, bucket: str, folder: Path) -> None:
    made = f"s3://{bucket}-made"
    (folder / "file").write_bytes(b"x")
    s3cmd(site, folder, "mb", made)
    s3cmd(site, folder, "put", str(folder / "file"), f"{made}/a")
    assert "Location:  us-east-1" in s3cmd(site, folder, "info", made)
    assert f"{made}/a" in s3cmd(site, folder, "la")
    s3cmd(site, folder, "del", "--recursive", "--force", made)
    assert s3cmd(site, folder, "ls", made) == ""
    s3cmd(site, folder, "rb", made)
    assert made not in s3cmd(site, folder, "ls")


def test_headers_are_modified(site: Site, bucket: str, folder: Path) -> None:
    (folder / "file").write_bytes(b"same")
    s3cmd(site, folder, "put", str(folder / "file"), f"s3://{bucket}/file")
    s3cmd(site, folder, "modify", "--add-header=x-amz-meta-colour:blue", f"s3://{bucket}/file")
    answer = boto3_client(site).get_object(Bucket=bucket, Key="file")
    assert answer["Metadata"]["colour"] == "blue" and answer["Body"].read() == b"same"


def test_parts_of_an_unfinished_upload_are_listed_and_aborted(site: Site, bucket: str, folder: Path) -> None:
    upload = boto3_client(site).create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    boto3_client(site).upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x" * 77)
    assert upload in s3cmd(site, folder, "multipart", f"s3://{bucket}")
    assert "77" in s3cmd(site, folder, "listmp", f"s3://{bucket}/k", upload)
    s3cmd(site, folder, "abortmp", f"s3://{bucket}/k", upload)
    assert upload not in s3cmd(site, folder, "multipart", f"s3://{bucket}")


def test_an_object_is_made_public(site: Site, bucket: str, folder: Path) -> None:
    (folder / "file").write_bytes(b"for all")
    s3cmd(site, folder, "put", str(folder / "file"), f"s3://{bucket}/file")
    s3cmd(site, folder, "setacl", "--acl-public", f"s3://{bucket}/file")
    assert requests.get(f"{site.endpoints[0]}/{bucket}/file", timeout=10).content == b"for all"


def test_tags_are_set_and_read(site: Site, bucket: str, folder: Path) -> None:
    (folder / "file").write_bytes(b"x")
    s3cmd(site, folder, "put", str(folder / "file"), f"s3://{bucket}/file")
    s3cmd(site, folder, "settagging", f"s3://{bucket}/file", "colour=blue")
    assert "colour:\tblue" in s3cmd(site, folder, "gettagging", f"s3://{bucket}/file")


def test_versioning_is_turned_on(site: Site, bucket: str, folder: Path) -> None:
    s3cmd(site, folder, "setversioning", f"s3://{bucket}", "enable")
    assert boto3_client(site).get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def test_objects_are_set_to_expire(site: Site, bucket: str, folder: Path) -> None:
    s3cmd(site, folder, "expire", "--expiry-days=3", f"s3://{bucket}")
    assert "3" in s3cmd(site, folder, "getlifecycle", f"s3://{bucket}")


def s3cmd(site: Site, folder: Path, *arguments: str) -> str:
    """s3cmd with a configuration that only says where and who."""
    host = "{}:{}".format(*host_and_port(site.endpoints[0]))
    settings = {
        "access_key": site.keys.access_key,
        "secret_key": site.keys.secret_key,
        "host_base": host,
        "host_bucket": host,
        "bucket_location": site.region,
        "use_https": "False",
        "max_retries": "1",
    }
    config = folder / "s3cfg"
    config.write_text("\n".join(["[default]", *(f"{name} = {value}" for name, value in settings.items())]))
    done = finished(beside_python("s3cmd"), "-c", str(config), "--no-progress", *arguments, environment={})
    assert b"Retrying" not in done.stderr and b"failed" not in done.stderr, done.stderr
    return done.stdout.decode()


def _a_large_file(site: Site, bucket: str, folder: Path) -> None:
    there, back = folder / "large", folder / "large-back"
    large_file(there, 12 * MIB + 345, seed=1)
    s3cmd(site, folder, "put", PARTS, str(there), f"s3://{bucket}/large")
    assert boto3_client(site).head_object(Bucket=bucket, Key="large")["ETag"].endswith('-3"')
    assert "12583257 " in s3cmd(site, folder, "info", f"s3://{bucket}/large").replace("\n", " ")
    s3cmd(site, folder, "get", f"s3://{bucket}/large", str(back))
    assert digest_of_file(back) == digest_of_file(there)


def _a_tree(site: Site, bucket: str, folder: Path) -> None:
    there, back = folder / "tree", folder / "tree-back"
    grow(there, 20, 64 * KIB, seed=2)
    s3cmd(site, folder, "sync", f"{there}/", f"s3://{bucket}/tree/")
    assert "upload:" not in s3cmd(site, folder, "sync", f"{there}/", f"s3://{bucket}/tree/")
    s3cmd(site, folder, "sync", f"s3://{bucket}/tree/", f"{back}/")
    assert digests(back) == digests(there)
    shutil.rmtree(next(path for path in sorted(there.iterdir()) if path.is_dir()))
    s3cmd(site, folder, "sync", "--delete-removed", f"{there}/", f"s3://{bucket}/tree/")
    s3cmd(site, folder, "sync", "--delete-removed", f"s3://{bucket}/tree/", f"{back}/")
    assert digests(back) == digests(there)


def _copies(site: Site, bucket: str, folder: Path) -> None:
    body = b"to be copied" * 100
    (folder / "small").write_bytes(body)
    s3cmd(site, folder, "put", str(folder / "small"), f"s3://{bucket}/a b/ü+1")
    s3cmd(site, folder, "cp", f"s3://{bucket}/a b/ü+1", f"s3://{bucket}/copied +")
    s3cmd(site, folder, "mv", f"s3://{bucket}/copied +", f"s3://{bucket}/moved")
    listed = s3cmd(site, folder, "ls", f"s3://{bucket}/")
    assert "/moved" in listed and "/copied" not in listed and f"DIR  s3://{bucket}/a b/" in listed
    assert s3cmd(site, folder, "get", f"s3://{bucket}/moved", "-") == body.decode()
    link = s3cmd(site, folder, "signurl", f"s3://{bucket}/a b/ü+1", "+60").strip()
    assert requests.get(link, timeout=10).content == body
    s3cmd(site, folder, "del", f"s3://{bucket}/moved")
    assert "/moved" not in s3cmd(site, folder, "ls", f"s3://{bucket}/")
