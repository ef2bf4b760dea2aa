//! Every value is documented, checked, and has an effect.

use std::fs;

use serde_json::{Map, Value, json};
use slotkeeper_chart::chart;
use slotkeeper_chart::fresh::assert_fresh;
use slotkeeper_chart::helm::{install, try_install};
use slotkeeper_chart::values::{Documented, at, documented, file, leaves, table, text};

/// Where the table of the README begins and ends.
const MARKS: [&str; 2] = [
    "<!-- Generated from values.yaml by `make generate`. -->\n",
    "<!-- End. -->\n",
];

#[test]
fn every_value_has_a_comment() {
    let documented = documented(&text());
    let has_comment = |leaf: &String| {
        documented
            .iter()
            .any(|Documented { name, .. }| leaf == name || leaf.starts_with(&format!("{name}.")))
    };
    let without: Vec<String> = leaves(&file("values.yaml"))
        .into_iter()
        .filter(|leaf| !has_comment(leaf))
        .collect();
    assert_eq!(without, Vec::<String>::new());
}

#[test]
fn the_table_of_the_readme_is_fresh() {
    let path = chart().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (head, rest) = readme.split_once(MARKS[0]).unwrap();
    let (_, foot) = rest.split_once(MARKS[1]).unwrap();
    let table = table(&documented(&text()));
    assert_fresh(&path, &[head, MARKS[0], &table, MARKS[1], foot].concat());
}

#[test]
fn the_schema_knows_every_value_and_no_other() {
    let (schema, values) = (file("values.schema.json"), file("values.yaml"));
    let Value::Object(mut wanted) = values else {
        panic!("values are a map")
    };
    // Helm passes it to subcharts.
    wanted.insert("global".to_owned(), json!({}));
    compare(&schema, &wanted, "");
}

/// Where the schema lists properties, they are those of the values, and no others are allowed.
fn compare(schema: &Value, values: &Map<String, Value>, path: &str) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "{path}");
    let [known, wanted] = [properties, values].map(|map| {
        let mut keys: Vec<&String> = map.keys().collect();
        keys.sort();
        keys
    });
    assert_eq!(known, wanted, "in {path:?}");
    for (key, value) in values {
        if let Value::Object(inside) = value {
            compare(&properties[key], inside, &format!("{path}/{key}"));
        }
    }
}

#[test]
fn every_value_has_an_effect() {
    let changed = file("ci/changed-values.yaml");
    let bases = [
        vec![],
        // Values that only matter together with another one.
        vec![
            "--set=metrics.serviceMonitor.enabled=true",
            "--set=serviceAccount.name=other",
        ],
    ];
    let plain = bases.clone().map(|base| install(&base).manifest);
    for Documented { name, default, .. } in documented(&text()) {
        let value = at(&changed, &name);
        assert!(
            *value != Value::Null && *value != default,
            "ci/changed-values.yaml does not change {name}"
        );
        let set = format!("--set-json={name}={value}");
        let has_effect = bases.iter().zip(&plain).any(|(base, plain)| {
            let release = try_install(&[base, &[set.as_str()][..]].concat());
            release.is_ok_and(|release| release.manifest != *plain)
        });
        assert!(has_effect, "{name} is read and ignored");
    }
}

#[test]
fn the_chart_has_the_version_of_the_programs() {
    let chart = file("Chart.yaml");
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
}
