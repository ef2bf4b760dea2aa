//! Wrong values are refused before anything is installed, and the message names them.

use slotkeeper_chart::helm::try_install;

/// Arguments, and what helm must say.
const WRONG: [(&str, &str); 14] = [
    ("replicas=two", "'/replicas': got string, want integer"),
    ("replicas=-1", "'/replicas': minimum: got -1, want 0"),
    (
        "replicaCount=2",
        "additional properties 'replicaCount' not allowed",
    ),
    (
        "image.name=x",
        "'/image': additional properties 'name' not allowed",
    ),
    (
        "image.repository=Slot Keeper",
        "'/image/repository': 'Slot Keeper' does not match",
    ),
    (
        "image.digest=latest",
        "'/image/digest': 'latest' does not match",
    ),
    (
        "image.pullPolicy=Sometimes",
        "'/image/pullPolicy': value must be one of 'Always'",
    ),
    (
        "imagePullSecrets={registry}",
        "'/imagePullSecrets/0': got string, want object",
    ),
    (
        "watchNamespaces={Team_A}",
        "'/watchNamespaces/0': 'Team_A' does not match",
    ),
    (
        "watchNamespaces={a,a}",
        "'/watchNamespaces': items at 0 and 1 are equal",
    ),
    (
        "rbac.create=perhaps",
        "'/rbac/create': got string, want boolean",
    ),
    (
        "serviceAccount.create=false",
        "'/serviceAccount/name': minLength: got 0, want 1",
    ),
    (
        "logFormat=xml",
        "'/logFormat': value must be one of 'text', 'json'",
    ),
    ("metrics=null", "missing property 'metrics'"),
];

#[test]
fn a_wrong_value_is_named() {
    for (wrong, wanted) in WRONG {
        let said = try_install(&["--set", wrong]).expect_err(wrong);
        assert!(said.contains(wanted), "{wrong}: {said}");
    }
}
