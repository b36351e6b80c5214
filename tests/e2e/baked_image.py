"""An image with a script in it, made of the stock image without a registry, for the one-node cluster.

Owns: the archive that it writes.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

Json = dict[str, Any]
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def write(base: Path, to: Path, reference: str, files: dict[str, str], settings: Json) -> None:
    """Add a layer to an image, as `FROM`, `COPY`, `WORKDIR` and `ENV` of a Dockerfile do.

    Args:
        base: archive of the image below, in the OCI layout.
        to: the archive to write.
        reference: the new image's whole name.
        files: texts by their absolute paths.
        settings: of the image's config, such as `WorkingDir`; `Env` is added to the base's.
    """
    with tarfile.open(base) as archive:
        blobs = {m.name: archive.extractfile(m).read() for m in archive if m.name.startswith("blobs/") and m.isfile()}
        index = json.load(archive.extractfile("index.json"))
    manifest = json.loads(blobs[_name(index["manifests"][0]["digest"])])
    config = json.loads(blobs[_name(manifest["config"]["digest"])])
    layer = _tar({path.lstrip("/"): text.encode() for path, text in files.items()})
    config["rootfs"]["diff_ids"].append(_digest(layer))
    config.pop("history", None)
    config["config"] = {**config["config"], **settings, "Env": config["config"].get("Env", []) + settings["Env"]}
    manifest["layers"].append(_descriptor(layer, _LAYER))
    manifest["config"] = _descriptor(json.dumps(config).encode(), manifest["config"]["mediaType"])
    top = _descriptor(json.dumps(manifest).encode(), index["manifests"][0]["mediaType"])
    top["annotations"] = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference}
    made = [layer, json.dumps(config).encode(), json.dumps(manifest).encode()]
    blobs |= {_name(_digest(blob)): blob for blob in made}
    content = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    content["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [top]}).encode()
    to.write_bytes(_tar(content | blobs))


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _name(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _descriptor(blob: bytes, media_type: str) -> Json:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
