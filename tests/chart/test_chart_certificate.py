"""The report server's certificate: made by the chart, or somebody else's."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from tests.chart.rendering import of_kind, operator_pod, rendered

NAMES = ["autosearch.autosearch-system.svc", "autosearch.autosearch-system", "autosearch"]


@pytest.fixture(scope="module")
def secret():
    """The Secret of an installation with the chart's own certificate."""
    (found,) = of_kind(rendered("default"), "Secret")
    return found


def pem(secret, key):
    """One file of the Secret."""
    return base64.b64decode(secret["data"][key])


@pytest.mark.parametrize("name", NAMES)
def test_made_certificate_is_good_for_the_service(secret, name):
    """Who trusts the Secret's ca.crt accepts its tls.crt for each name of the Service, and for no other."""
    leaf = x509.load_pem_x509_certificate(pem(secret, "tls.crt"))
    authority = x509.load_pem_x509_certificate(pem(secret, "ca.crt"))
    trusting = PolicyBuilder().store(Store([authority]))

    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert name in names
    leaf.verify_directly_issued_by(authority)
    with pytest.raises(VerificationError):
        trusting.build_server_verifier(x509.DNSName("other.autosearch-system.svc")).verify(leaf, [])


def test_made_certificate_has_its_key_and_years(secret):
    """The key belongs to the certificate, which is valid for the days that the values say, ten years if nothing."""
    leaf = x509.load_pem_x509_certificate(pem(secret, "tls.crt"))
    key = load_pem_private_key(pem(secret, "tls.key"), None)
    expires = datetime.fromtimestamp(int(secret["metadata"]["annotations"]["autosearch.dev/expires"]), UTC)

    assert secret["type"] == "kubernetes.io/tls"
    assert key.public_key().public_numbers() == leaf.public_key().public_numbers()
    assert abs(leaf.not_valid_after_utc - expires) < timedelta(minutes=5)
    assert timedelta(days=3649) < expires - datetime.now(UTC) < timedelta(days=3651)


def test_signing_key_is_kept_nowhere(secret):
    """Whoever reads the Secret cannot sign further certificates: it has the authority's certificate alone."""
    assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    assert b"PRIVATE" not in pem(secret, "ca.crt")


@pytest.mark.parametrize(("case", "name"), [("default", "autosearch-certificate"), ("certificate", "autosearch-tls")])
def test_operator_gets_the_three_files(case, name):
    """The Secret is mounted as a folder with three files, its own or the existing one, and read through no API."""
    objects = rendered(case)
    spec = operator_pod(objects)["spec"]
    (source,) = next(volume for volume in spec["volumes"] if volume["name"] == "certificate")["projected"]["sources"]

    assert source["secret"]["name"] == name
    assert {item["path"] for item in source["secret"]["items"]} == {"tls.crt", "tls.key", "ca.crt"}
    assert "--tls-directory=/etc/autosearch/tls" in spec["containers"][0]["args"]
    assert [found["metadata"]["name"] for found in of_kind(objects, "Secret")] == [name][: case == "default"]
