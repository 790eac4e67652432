//! Defaults that follow from other tables.

use serde_json::{Map, Value as Json, json};

use crate::draft::{Draft, join};
use crate::walk::Walk;

/// Fills in what [`crate::grammar::Fill::Derived`] leaves open.
pub(crate) fn complete(walk: &mut Walk, root: &mut Json) {
    let slug = root
        .pointer("/app/name")
        .and_then(Json::as_str)
        .unwrap_or("app")
        .to_owned();
    for (name, service) in entries(root, "/service") {
        complete_service(walk, name, service);
    }
    for (_, resource) in entries(root, "/resource") {
        let database = slug.replace('-', "_");
        let named = resource
            .entry("name")
            .or_insert_with(|| database.into())
            .clone();
        resource.entry("user").or_insert(named);
    }
    for (_, limit) in entries(root, "/limit") {
        let rate = limit.get("rate").and_then(Json::as_str).unwrap_or_default();
        let count = rate
            .parse()
            .map_or(1, |rate: crate::units::Rate| rate.count.clamp(1, 1_000_000));
        limit.entry("burst").or_insert_with(|| count.into());
    }
    for (name, backup) in entries(root, "/backup") {
        backup
            .entry("of")
            .or_insert_with(|| format!("resource.{name}").into());
    }
    for (_, dashboard) in entries(root, "/observability/dashboard") {
        let panels = dashboard.get_mut("panel").and_then(Json::as_object_mut);
        for (name, panel) in panels.into_iter().flatten() {
            if let Some(panel) = panel.as_object_mut() {
                panel
                    .entry("title")
                    .or_insert_with(|| name.replace('-', " ").into());
            }
        }
    }
    for (pointer, key) in [("/kubernetes", "namespace"), ("/compose", "project")] {
        if let Some(table) = root.pointer_mut(pointer).and_then(Json::as_object_mut) {
            table.entry(key).or_insert_with(|| slug.clone().into());
        }
    }
}

/// Named tables below `pointer`.
fn entries<'a>(
    root: &'a mut Json,
    pointer: &str,
) -> impl Iterator<Item = (&'a str, &'a mut Map<String, Json>)> {
    let map = root.pointer_mut(pointer).and_then(Json::as_object_mut);
    let tables = map.into_iter().flatten();
    tables.filter_map(|(name, value)| Some((name.as_str(), value.as_object_mut()?)))
}

fn complete_service(walk: &mut Walk, name: &str, service: &mut Map<String, Json>) {
    let path = join("service", name);
    complete_build(walk, &path, service);
    let least = service
        .get("scale")
        .and_then(|scale| scale.get("min"))
        .and_then(Json::as_i64);
    if let Some(disruption) = service.get_mut("disruption").and_then(Json::as_object_mut) {
        disruption
            .entry("keep")
            .or_insert_with(|| (least.unwrap_or(1) - 1).max(0).into());
    }
    let needs = service.get_mut("needs").and_then(Json::as_object_mut);
    for (need, table) in needs.into_iter().flatten() {
        if let Some(table) = table.as_object_mut() {
            table.entry("to").or_insert_with(|| need.as_str().into());
        }
    }
}

fn complete_build(walk: &mut Walk, path: &str, service: &mut Map<String, Json>) {
    let image = service.remove("image");
    let (build_path, image_path) = (join(path, "build"), join(path, "image"));
    match (service.contains_key("build"), image) {
        (false, Some(image)) => {
            service.insert("build".to_owned(), json!({ "image": image }));
        }
        (true, Some(_)) => walk.drafts.push(
            Draft::error(
                "P008",
                &image_path,
                "`image` and `build` exclude each other",
            )
            .also(&build_path, "and this")
            .help("keep the one that the service is made from"),
        ),
        (true, None) => {}
        (false, None) => {
            walk.drafts.push(
                Draft::error("P005", path, format!("`build` is missing from `{path}`")).at_key().help(
                    "say where its files come from: `build = { cargo = \"PACKAGE\" }`, `{ command = […], out = \"DIR\" }`, \
                     `{ static = \"DIR\" }`, `{ dockerfile = \"Dockerfile\" }`, or `image = \"NAME@sha256:…\"`",
                ),
            );
            walk.spots.refuse(&build_path);
            let image = crate::grammar::Form::Image.example();
            service.insert("build".to_owned(), json!({ "image": image }));
        }
    }
}
