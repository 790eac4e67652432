//! Environments: `[env.NAME.…]` laid over the rest of the file.

use std::collections::BTreeMap;

use crate::tree::{Node, Value};

/// The app without its environments, and each environment's overlay.
pub(crate) struct Layers {
    /// The file without `env`.
    pub(crate) base: Node,
    /// What each environment changes.
    pub(crate) overlays: BTreeMap<String, Node>,
    /// What stands under `env` and is no overlay.
    pub(crate) misplaced: Vec<(String, Node)>,
}

/// Takes `env` out of the file.
pub(crate) fn split(mut root: Node) -> Layers {
    let mut layers = Layers {
        base: root.clone(),
        overlays: BTreeMap::new(),
        misplaced: Vec::new(),
    };
    let Value::Table(entries) = &mut root.value else {
        return layers;
    };
    let env = entries.remove("env");
    layers.base = root;
    match env {
        None => {}
        Some(Node {
            value: Value::Table(environments),
            ..
        }) => {
            for (name, node) in environments {
                if matches!(node.value, Value::Table(_)) {
                    layers.overlays.insert(name, node);
                } else {
                    layers.misplaced.push((format!("env.{name}"), node));
                }
            }
        }
        Some(other) => layers.misplaced.push(("env".to_owned(), other)),
    }
    layers
}

/// Tables are merged key by key; anything else of the overlay replaces what is below it. Each value keeps its place.
pub(crate) fn merge(base: &Node, overlay: &Node) -> Node {
    match (&base.value, &overlay.value) {
        (Value::Table(below), Value::Table(above)) => {
            let mut merged = below.clone();
            for (key, node) in above {
                let node = match merged.get(key) {
                    Some(under) => merge(under, node),
                    None => node.clone(),
                };
                merged.insert(key.clone(), node);
            }
            Node {
                key: overlay.key.clone(),
                span: overlay.span.clone(),
                value: Value::Table(merged),
            }
        }
        _ => overlay.clone(),
    }
}
