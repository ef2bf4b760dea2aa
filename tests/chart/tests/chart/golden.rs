//! What helm renders for a few sets of values, as committed files, without the
//! CustomResourceDefinition, which has its own tests.

use slotkeeper_chart::fresh::assert_fresh;
use slotkeeper_chart::helm::{assert_clean, install};
use slotkeeper_chart::manifests::objects;
use slotkeeper_chart::{chart, root};

#[test]
fn with_the_values_that_it_comes_with() {
    comes_out("default", &[]);
}

#[test]
fn for_two_namespaces_only() {
    comes_out_with_file("namespaced");
}

#[test]
fn with_every_value_changed() {
    comes_out_with_file("changed");
}

fn comes_out_with_file(name: &str) {
    let file = chart().join(format!("ci/{name}-values.yaml"));
    let file = file.to_str().expect("the checkout's path is text");
    comes_out(name, &["-f", file]);
}

fn comes_out(name: &str, values: &[&str]) {
    assert_clean(values);
    let release = install(values);
    let objects = objects(&release.manifest);
    let texts = objects
        .iter()
        .filter(|object| object.kind() != "CustomResourceDefinition")
        .map(|object| format!("---\n# {}\n{}", object.template, object.text));
    let golden = root().join("tests/chart/golden");
    assert_fresh(
        &golden.join(format!("{name}.yaml")),
        &texts.collect::<String>(),
    );
    assert_fresh(&golden.join(format!("{name}.txt")), release.notes());
}
