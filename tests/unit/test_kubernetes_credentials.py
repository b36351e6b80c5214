"""Credentials: whom a client of the API server trusts."""

import ssl

import pytest
import yaml
from tests.cluster.certificates import Authority

from autosearch.kubernetes.credentials import from_kubeconfig, in_cluster


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """An authority's file, and Python 3.13's severity whatever Python runs the test."""
    as_it_is = ssl.create_default_context

    def severe(**words):
        context = as_it_is(**words)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", severe)
    (tmp_path / "ca.crt").write_text(Authority().certificate)
    return tmp_path / "ca.crt"


def is_lenient(context):
    """Say whether names and signatures are checked, and an authority's missing extensions forgiven."""
    checks = context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED
    return checks and not context.verify_flags & ssl.VERIFY_X509_STRICT


def test_a_pod_trusts_an_authority_that_lacks_extensions(authority):
    """An authority of the kind that older tools made for clusters is good enough, as it is for kubectl."""
    (authority.parent / "token").write_text("secret")
    (authority.parent / "namespace").write_text("team")
    found = in_cluster({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, authority.parent)

    assert found is not None
    assert is_lenient(found.tls)
    assert len(found.tls.get_ca_certs()) == 1


def test_a_kubeconfig_trusts_an_authority_that_lacks_extensions(authority):
    """The same holds for a user's kubeconfig."""
    cluster = {"server": "https://10.0.0.1:6443", "certificate-authority": str(authority)}
    config = {
        "clusters": [{"name": "a", "cluster": cluster}],
        "users": [{"name": "a", "user": {"token": "secret"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    path = authority.parent / "kubeconfig"
    path.write_text(yaml.safe_dump(config))

    assert is_lenient(from_kubeconfig(str(path)).tls)
