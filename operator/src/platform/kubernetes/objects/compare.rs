//! Whether a live object contains the desired one. Defaults of the API server and additions of
//! webhooks and other managers are no differences.

use serde_json::{Map, Value};

use crate::quantity::nanos;

/// Whether every field of `wanted` is in `live` with the same value.
///
/// `live` may contain more: fields, and elements of lists whose elements have names. So fields that
/// are no longer desired are not noticed here, but by [`super::APPLIED_ANNOTATION`].
#[must_use]
pub fn says(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            // Elements of a list come without their type, which the list has.
            let asked_for = |name: &str| matches!(name, "apiVersion" | "kind");
            let mut fields = wanted.iter();
            fields.all(|(name, wanted)| match live.get(name) {
                None if asked_for(name) => true,
                live => same(name, live.unwrap_or(&Value::Null), wanted),
            })
        }
        _ => same("", live, wanted),
    }
}

/// Lists whose elements are identified by these fields, as the API declares it. Container and
/// Service ports always have a name here.
const KEYS: [(&str, &[&str]); 8] = [
    ("containers", &["name"]),
    ("env", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("ownerReferences", &["uid"]),
    ("ports", &["name"]),
    (
        "topologySpreadConstraints",
        &["topologyKey", "whenUnsatisfiable"],
    ),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

/// Maps of quantities, which the API server may write in another form.
const QUANTITIES: [&str; 2] = ["limits", "requests"];

/// Compares the values of a field called `field`.
fn same(field: &str, live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Null, wanted) => is_empty(wanted),
        (live, Value::Null) => is_empty(live),
        (Value::Object(live), Value::Object(wanted)) => same_map(field, live, wanted),
        (Value::Array(live), Value::Array(wanted)) => same_list(field, live, wanted),
        (live, wanted) => live == wanted,
    }
}

/// What the API server drops when it stores an object.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn same_map(field: &str, live: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    let quantities = QUANTITIES.contains(&field);
    wanted.iter().all(|(name, wanted)| {
        let live = live.get(name).unwrap_or(&Value::Null);
        same(name, live, wanted) || quantities && same_quantity(live, wanted)
    })
}

fn same_list(field: &str, live: &[Value], wanted: &[Value]) -> bool {
    let keys = KEYS.iter().find(|(list, _)| *list == field);
    let keys = keys.map_or(&[][..], |(_, keys)| keys);
    let known = |element: &Value| keys.iter().all(|key| element.get(key).is_some());
    if keys.is_empty() || !wanted.iter().all(known) {
        let mut pairs = live.iter().zip(wanted);
        return live.len() == wanted.len() && pairs.all(|(live, wanted)| same("", live, wanted));
    }
    wanted.iter().all(|wanted| {
        let is_it = |live: &&Value| keys.iter().all(|key| live.get(key) == wanted.get(key));
        live.iter()
            .find(is_it)
            .is_some_and(|live| same("", live, wanted))
    })
}

fn same_quantity(live: &Value, wanted: &Value) -> bool {
    let number = |value: &Value| nanos(value.as_str()?);
    number(live).is_some_and(|live| number(wanted) == Some(live))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(containers: &Value) -> Value {
        json!({"apiVersion": "apps/v1", "spec": {"template": {"spec": {"containers": containers}}}})
    }

    #[test]
    fn what_others_add_is_no_difference() {
        let wanted = set(&json!([{"name": "node", "env": [{"name": "A", "value": "1"}]}]));
        let mut live = set(&json!([
            {"name": "sidecar"},
            {
                "name": "node",
                "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
                "terminationMessagePath": "/dev/termination-log",
            },
        ]));
        live["status"] = json!({"replicas": 1});
        assert!(says(&live, &wanted));
        assert!(!says(&wanted, &live));
    }

    #[test]
    fn an_element_of_a_list_has_no_type_and_needs_none() {
        let wanted = set(&json!([]));
        let mut live = wanted.clone();
        live.as_object_mut().unwrap().remove("apiVersion");
        assert!(says(&live, &wanted));
        live["apiVersion"] = json!("apps/v2");
        assert!(!says(&live, &wanted));
    }

    #[test]
    fn quantities_are_numbers_where_they_are_quantities() {
        let resources = |cpu: &str, memory: &str| {
            set(&json!([{
                "name": "node",
                "resources": {"requests": {"cpu": cpu}, "limits": {"memory": memory}},
            }]))
        };
        let wanted = resources("1000m", "1.5Gi");
        assert!(says(&resources("1", "1536Mi"), &wanted));
        assert!(!says(&resources("1001m", "1536Mi"), &wanted));
        assert!(!says(&resources("1", "1536M"), &wanted));
        assert!(!says(&resources("one", "1536Mi"), &wanted));
        let labels = |cpu: &str| json!({"metadata": {"labels": {"cpu": cpu}}});
        assert!(!says(&labels("1"), &labels("1000m")));
    }

    #[test]
    fn what_is_empty_is_as_good_as_absent() {
        let empty = json!({"spec": {"a": "", "b": [], "c": {}, "d": null}});
        assert!(says(&json!({"spec": {}}), &empty));
        assert!(says(&json!({}), &json!({"spec": {}})));
        for value in [json!(false), json!(0)] {
            assert!(!says(&json!({"spec": {}}), &json!({"spec": {"a": value}})));
        }
        assert!(!says(&json!({"spec": {"d": 1}}), &empty));
        assert!(!says(&json!({"spec": {"b": [1]}}), &empty));
    }

    #[test]
    fn lists_without_keys_are_compared_one_by_one() {
        let list = |values: Value| json!({"spec": {"policyTypes": values}});
        let wanted = list(json!(["Ingress", "Egress"]));
        assert!(says(&wanted, &wanted));
        for other in [
            json!(["Egress", "Ingress"]),
            json!(["Ingress"]),
            json!("Ingress"),
        ] {
            assert!(!says(&list(other), &wanted));
        }
        // As in a NetworkPolicy, whose ports have no names.
        let ports = |ports: Value| json!({"spec": {"ports": ports}});
        let wanted = ports(json!([{"port": 1}]));
        assert!(says(
            &ports(json!([{"port": 1, "protocol": "TCP"}])),
            &wanted
        ));
        assert!(!says(&ports(json!([{"port": 1}, {"port": 2}])), &wanted));
    }

    #[test]
    fn a_volume_may_be_mounted_twice() {
        let mounts = |mounts: Value| set(&json!([{"name": "node", "volumeMounts": mounts}]));
        let first = json!({"name": "data", "mountPath": "/a"});
        let second = json!({"name": "data", "mountPath": "/b"});
        let wanted = mounts(json!([first, second]));
        assert!(says(&mounts(json!([second, first])), &wanted));
        assert!(!says(&mounts(json!([first])), &wanted));
    }
}
