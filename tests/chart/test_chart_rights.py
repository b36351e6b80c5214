"""What the operator and people may do, as design section 8 says: no more and no less."""

import json

import pytest
from tests.chart.rendering import CASES, CHART, NAMESPACE, named, of_kind, operator_pod, rendered

GROUP = "autosearch.dev"
SEARCHES = {
    (GROUP, "autosearchjobs"): {"get", "list", "watch", "delete"},
    (GROUP, "autosearchjobs/status"): {"patch"},
    (GROUP, "autosearchjobs/finalizers"): {"update"},
    (GROUP, "trials"): {"get", "list", "watch", "create"},
    (GROUP, "trials/status"): {"patch"},
    (GROUP, "trials/finalizers"): {"update"},
    ("", "pods"): {"get", "list", "watch", "create", "delete"},
    ("", "events"): {"create", "list"},
    ("", "persistentvolumeclaims"): {"get"},
}
REVIEWS = {("authentication.k8s.io", "tokenreviews"): {"create"}}
LEASES = {("coordination.k8s.io", "leases"): {"create", "get", "update"}}
READ = {"get", "list", "watch"}
FORBIDDEN = {"secrets", "configmaps", "pods/exec", "pods/log", "pods/attach", "pods/portforward", "nodes", "namespaces"}
SUBJECT = {"kind": "ServiceAccount", "name": "autosearch", "namespace": NAMESPACE}


def rights(role):
    """A role as verbs by group and resource."""
    found = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def bindings(objects):
    """The roles that are bound to the operator: (kind of role, name, namespace of the binding or None)."""
    found = of_kind(objects, "RoleBinding") + of_kind(objects, "ClusterRoleBinding")
    assert all(binding["subjects"] == [SUBJECT] for binding in found)
    return {(b["roleRef"]["kind"], b["roleRef"]["name"], b["metadata"].get("namespace")) for b in found}


def test_rights_in_the_whole_cluster():
    """Without a list of namespaces the operator has exactly the design's verbs, everywhere, and the Lease at home."""
    objects = rendered("default")

    assert bindings(objects) == {
        ("ClusterRole", "autosearch", None),
        ("ClusterRole", "autosearch-token-review", None),
        ("Role", "autosearch-lease", NAMESPACE),
    }
    assert rights(named(objects, "ClusterRole", "autosearch")) == SEARCHES
    assert rights(named(objects, "ClusterRole", "autosearch-token-review")) == REVIEWS
    assert rights(named(objects, "Role", "autosearch-lease")) == LEASES


def test_rights_in_listed_namespaces():
    """With a list, the same verbs in each of those namespaces, and in the cluster nothing but token reviews."""
    objects = rendered("namespaces")
    roles = {role["metadata"]["namespace"]: role for role in of_kind(objects, "Role")}

    assert bindings(objects) == {
        ("Role", "autosearch", "team-a"),
        ("Role", "autosearch", "team-b"),
        ("ClusterRole", "autosearch-token-review", None),
        ("Role", "autosearch-lease", NAMESPACE),
    }
    assert rights(roles["team-a"]) == rights(roles["team-b"]) == SEARCHES
    assert "--namespaces=team-a,team-b" in operator_pod(objects)["spec"]["containers"][0]["args"]


def test_the_lease_is_the_operators_own():
    """Other programs' Leases in the namespace are out of reach; only a creation cannot be bound to a name."""
    objects = rendered("default")
    create, by_name = named(objects, "Role", "autosearch-lease")["rules"]
    (container,) = operator_pod(objects)["spec"]["containers"]

    assert create["verbs"] == ["create"]
    assert by_name["resourceNames"] == ["autosearch-operator"]
    assert "--lease-name=autosearch-operator" in container["args"]
    assert f"--lease-namespace={NAMESPACE}" in container["args"]


@pytest.mark.parametrize("case", CASES)
def test_no_role_has_a_wildcard_or_reads_data(case):
    """No role of the chart, the users' included, has a wildcard or a right on what may hold users' data."""
    objects = rendered(case)
    for role in of_kind(objects, "Role") + of_kind(objects, "ClusterRole"):
        granted = rights(role)

        assert "*" not in json.dumps(role["rules"])
        assert not {resource for _, resource in granted} & FORBIDDEN
        assert not {"escalate", "bind", "impersonate"} & set().union(*granted.values())


def test_editors_do_not_write_trials():
    """Whoever edits searches may write jobs, but reads Trials and statuses only: those are the operator's record."""
    editor = rights(named(rendered("default"), "ClusterRole", "autosearch-editor"))

    assert {"create", "update", "patch", "delete"} <= editor.pop((GROUP, "autosearchjobs"))
    assert editor == dict.fromkeys(
        [(GROUP, "autosearchjobs/status"), (GROUP, "trials"), (GROUP, "trials/status")], READ
    )


def test_viewers_only_read():
    """The viewer's role has no verb that changes anything, and no pods."""
    viewer = rights(named(rendered("default"), "ClusterRole", "autosearch-viewer"))

    assert all(verbs == READ for verbs in viewer.values())
    assert {group for group, _ in viewer} == {GROUP}


def test_user_roles_are_aggregated_by_a_switch():
    """`view` and `edit` get the roles for people unless rbac.aggregate is false; the operator's never go there."""

    def aggregated(objects):
        return {
            (role["metadata"]["name"], label.removeprefix("rbac.authorization.k8s.io/"))
            for role in of_kind(objects, "ClusterRole")
            for label in role["metadata"]["labels"]
            if label.startswith("rbac.authorization.k8s.io/")
        }

    assert aggregated(rendered("default")) == {
        ("autosearch-viewer", "aggregate-to-view"),
        ("autosearch-editor", "aggregate-to-edit"),
    }
    assert aggregated(rendered("closed-roles")) == set()


def test_no_roles_when_they_come_from_elsewhere():
    """With rbac switched off the chart makes no role or binding, and uses the service account that is named."""
    objects = rendered("external-roles")

    assert {found["kind"] for found in objects} == {"Secret", "Service", "Deployment"}
    assert operator_pod(objects)["spec"]["serviceAccountName"] == "searcher"


def test_documented_rights_are_the_rendered_ones():
    """The table in docs/install.md names each resource with exactly its verbs."""
    page = (CHART.parents[1] / "docs" / "install.md").read_text(encoding="utf-8")
    for granted in (SEARCHES, REVIEWS, LEASES):
        for (_, resource), verbs in granted.items():
            (row,) = [line for line in page.splitlines() if line.startswith(f"| `{resource}` |")]

            assert set(row.split("|")[2].replace(",", " ").split()) == verbs, resource
