"""The serving certificate: what is refused at the start, and what never replaces one that works."""

import ssl

import pytest
from cryptography.hazmat.primitives import serialization
from tests.cluster.certificates import Authority
from tests.contract.report_parts import write_certificate

from autosearch.api.errors import EnvironmentFaultError
from autosearch.kubernetes.certificates import ServingCertificate


def trusted(certificate, authority):
    """Say whether a client that trusts the authority completes a handshake; in memory, without a socket."""
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    trust = ssl.create_default_context(cadata=authority.certificate)
    client = trust.wrap_bio(client_in, client_out, server_hostname="127.0.0.1")
    server = certificate.context.wrap_bio(client_out, client_in, server_side=True)
    done = set()
    for _ in range(6):
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
    return len(done) == 2


def encrypted(key):
    loaded = serialization.load_pem_private_key(key.encode(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    return loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret).decode()


def damage(folder, how):
    """Make the files useless in one way."""
    key = folder / "tls.key"
    if how == "no key":
        key.unlink()
    elif how == "another's key":
        key.write_text(Authority().issue(["x"])[1])
    elif how == "encrypted key":
        key.write_text(encrypted(key.read_text()))
    elif how == "half a certificate":
        text = (folder / "tls.crt").read_text()
        (folder / "tls.crt").write_text(text[: len(text) // 2])
    elif how == "empty":
        (folder / "tls.crt").write_text("")
    elif how == "no authority":
        (folder / "ca.crt").write_text("later")
    else:
        (folder / "ca.crt").write_bytes(b"\xff")


DAMAGES = ["no key", "another's key", "encrypted key", "half a certificate", "empty", "no authority", "binary"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_certificate_that_cannot_serve_is_refused_at_the_start(tmp_path, how):
    """The operator does not start with a certificate that no sidecar could trust, and says which files it needs."""
    write_certificate(tmp_path, Authority())
    damage(tmp_path, how)

    with pytest.raises(EnvironmentFaultError, match=r"tls\.crt and tls\.key \(PEM.*ca\.crt"):
        ServingCertificate(tmp_path)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_change_that_cannot_serve_changes_nothing(tmp_path, caplog, how):
    """The earlier certificate stays in use, the log says so once, and a good one is taken when it comes."""
    first, second = Authority("first"), Authority("second")
    write_certificate(tmp_path, first)
    certificate = ServingCertificate(tmp_path)
    damage(tmp_path, how)

    assert [certificate.refresh() for _ in range(3)] == [False] * 3
    assert trusted(certificate, first) and certificate.ca_certificate == first.certificate
    assert len(caplog.records) == 1 and "stays in use" in caplog.text
    write_certificate(tmp_path, second)
    assert [certificate.refresh(), certificate.refresh()] == [True, False]
    assert trusted(certificate, second) and not trusted(certificate, first)


def test_a_secret_volume_is_read_through_its_link(tmp_path):
    """The kubelet swaps the link `..data`; all files are read of the version that it shows."""
    first, second = Authority("first"), Authority("second")
    for name, authority in (("v1", first), ("v2", second)):
        (tmp_path / name).mkdir()
        write_certificate(tmp_path / name, authority)
    (tmp_path / "..data").symlink_to("v1")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    certificate = ServingCertificate(tmp_path)
    assert trusted(certificate, first) and not certificate.refresh()

    (tmp_path / "new").symlink_to("v2")
    (tmp_path / "new").rename(tmp_path / "..data")

    assert certificate.refresh()
    assert trusted(certificate, second)
