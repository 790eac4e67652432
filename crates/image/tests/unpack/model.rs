//! Random stacks of layers unpack to what a naive model of the rules says, and to nothing outside.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::support::{Bench, Node, Tree, What, layer, read_tree};

type Parts = Vec<String>;

/// Why the model refuses; only that it does is compared.
struct Refused;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Dir,
    File(String),
    Symlink(String),
}

/// The image as a map, with an inode number per file so that hard links can be told.
#[derive(Debug, Default)]
struct Model {
    nodes: BTreeMap<Parts, (u32, Kind)>,
    next: u32,
}

#[derive(Debug, Clone)]
enum Op {
    Dir,
    File(String),
    Symlink(String),
    Hard(String),
    Hide,
    HideContent,
}

fn parts(path: &str) -> Parts {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

impl Model {
    fn resolve(&self, path: &[String], hops: u32) -> Result<Parts, Refused> {
        let mut done = Parts::new();
        for (index, part) in path.iter().enumerate() {
            if part == ".." {
                done.pop();
                continue;
            }
            let candidate: Parts = done.iter().chain([part]).cloned().collect();
            if let Some((_, Kind::Symlink(target))) = self.nodes.get(&candidate) {
                if hops == 0 {
                    return Err(Refused);
                }
                let base = if target.starts_with('/') {
                    Parts::new()
                } else {
                    done
                };
                let rest = path[index + 1..].iter().cloned();
                let onward: Parts = base.into_iter().chain(parts(target)).chain(rest).collect();
                return self.resolve(&onward, hops - 1);
            }
            done = candidate;
        }
        Ok(done)
    }

    fn is_dir(&self, path: &[String]) -> bool {
        path.is_empty() || matches!(self.nodes.get(path), Some((_, Kind::Dir)))
    }

    fn make(&mut self, folder: &[String]) -> Result<Parts, Refused> {
        let folder = self.resolve(folder, 40)?;
        for length in 1..=folder.len() {
            if !self.nodes.contains_key(&folder[..length]) {
                self.insert(folder[..length].to_vec(), Kind::Dir);
            }
            if !self.is_dir(&folder[..length]) {
                return Err(Refused);
            }
        }
        Ok(folder)
    }

    fn find(&self, folder: &[String]) -> Result<Option<Parts>, Refused> {
        let folder = self.resolve(folder, 40)?;
        Ok(self.is_dir(&folder).then_some(folder))
    }

    fn insert(&mut self, path: Parts, kind: Kind) {
        self.next += 1;
        self.nodes.insert(path, (self.next, kind));
    }

    fn remove(&mut self, path: &[String]) {
        self.nodes.retain(|other, _| !other.starts_with(path));
    }

    fn empty(&mut self, folder: &[String]) {
        self.nodes
            .retain(|other, _| !other.starts_with(folder) || other.len() == folder.len());
    }

    fn hide(&mut self, path: &str, op: &Op) -> Result<(), Refused> {
        let path = parts(path);
        match op {
            Op::HideContent => {
                if let Some(folder) = self.find(&path)? {
                    self.empty(&folder);
                }
            }
            Op::Hide => {
                let (name, folder) = path.split_last().unwrap();
                if let Some(folder) = self.find(folder)? {
                    self.remove(&[folder, vec![name.clone()]].concat());
                }
            }
            Op::Dir | Op::File(_) | Op::Symlink(_) | Op::Hard(_) => {}
        }
        Ok(())
    }

    fn put(&mut self, path: &str, op: &Op) -> Result<(), Refused> {
        let path = parts(path);
        match op {
            Op::Hide => return Ok(()),
            Op::HideContent => return self.make(&path).map(drop),
            Op::Dir | Op::File(_) | Op::Symlink(_) | Op::Hard(_) => {}
        }
        let (name, folder) = path.split_last().unwrap();
        let path = [self.make(folder)?, vec![name.clone()]].concat();
        let kind = match op {
            Op::Dir if self.is_dir(&path) => return Ok(()),
            Op::Dir => Kind::Dir,
            Op::File(text) => Kind::File(text.clone()),
            Op::Symlink(target) => Kind::Symlink(target.clone()),
            Op::Hard(target) => return self.link(path, target),
            Op::Hide | Op::HideContent => return Ok(()),
        };
        self.remove(&path);
        self.insert(path, kind);
        Ok(())
    }

    fn link(&mut self, path: Parts, target: &str) -> Result<(), Refused> {
        let target = parts(target);
        let (name, folder) = target.split_last().unwrap();
        let folder = self.find(folder)?.ok_or(Refused)?;
        let target = [folder, vec![name.clone()]].concat();
        let (inode, kind) = self.nodes.get(&target).cloned().ok_or(Refused)?;
        if kind == Kind::Dir {
            return Err(Refused);
        }
        if self
            .nodes
            .get(&path)
            .is_some_and(|(present, _)| *present == inode)
        {
            return Ok(());
        }
        self.remove(&path);
        if !self.nodes.contains_key(&target) {
            return Err(Refused);
        }
        self.nodes.insert(path, (inode, kind));
        Ok(())
    }

    fn tree(&self) -> Tree {
        let shown = |kind: &Kind| match kind {
            Kind::Dir => Node::Dir,
            Kind::File(text) => Node::File(text.clone().into_bytes()),
            Kind::Symlink(target) => Node::Symlink(target.clone()),
        };
        self.nodes
            .iter()
            .map(|(path, (_, kind))| (path.join("/"), shown(kind)))
            .collect()
    }
}

fn modelled(layers: &[Vec<(String, Op)>]) -> Result<Tree, Refused> {
    let mut model = Model::default();
    for layer in layers {
        for (path, op) in layer {
            model.hide(path, op)?;
        }
        for (path, op) in layer {
            model.put(path, op)?;
        }
    }
    Ok(model.tree())
}

fn written(layers: &[Vec<(String, Op)>]) -> Vec<Vec<u8>> {
    let write = |ops: &Vec<(String, Op)>| {
        let entries: Vec<(String, What<'_>)> = ops
            .iter()
            .map(|(path, op)| match op {
                Op::Dir => (format!("{path}/"), What::Dir(0o755)),
                Op::File(text) => (path.clone(), What::File(text.as_bytes())),
                Op::Symlink(target) => (path.clone(), What::Symlink(target)),
                Op::Hard(target) => (path.clone(), What::Hard(target)),
                Op::Hide => match path.rsplit_once('/') {
                    Some((folder, name)) => (format!("{folder}/.wh.{name}"), What::File(b"")),
                    None => (format!(".wh.{path}"), What::File(b"")),
                },
                Op::HideContent => (format!("{path}/.wh..wh..opq"), What::File(b"")),
            })
            .collect();
        let entries: Vec<(&str, What<'_>)> = entries
            .iter()
            .map(|(path, what)| (path.as_str(), what.clone()))
            .collect();
        layer(&entries)
    };
    layers.iter().map(write).collect()
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["a", "b", "c"], 1..=3).prop_map(|parts| parts.join("/"))
}

fn op() -> impl Strategy<Value = Op> {
    let target = proptest::sample::select(vec![
        "a",
        "b",
        "/b",
        "../c",
        "a/b",
        "/a/b",
        "/",
        ".",
        "..",
        "../../../outside",
        "/../outside",
        "absent/x",
    ]);
    prop_oneof![
        2 => Just(Op::Dir),
        4 => "[xyz]{0,3}".prop_map(Op::File),
        2 => target.prop_map(|target| Op::Symlink(target.to_owned())),
        1 => path().prop_map(Op::Hard),
        2 => Just(Op::Hide),
        1 => Just(Op::HideContent),
    ]
}

fn stack() -> impl Strategy<Value = Vec<Vec<(String, Op)>>> {
    proptest::collection::vec(proptest::collection::vec((path(), op()), 0..10), 1..=3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn random_layers_unpack_to_what_the_rules_say(layers in stack()) {
        let bench = Bench::new();
        let unpacked = bench.ensure(&bench.image(&written(&layers)));
        match (modelled(&layers), unpacked) {
            (Ok(expected), Ok(rootfs)) => prop_assert_eq!(read_tree(&rootfs.path), expected),
            (Err(Refused), Err(error)) => prop_assert!(error.is_images_fault(), "{:?}", error),
            (Ok(expected), Err(error)) => prop_assert!(false, "{:?} refused: {:?}", expected, error),
            (Err(Refused), Ok(rootfs)) => prop_assert!(false, "accepted: {:?}", read_tree(&rootfs.path)),
        }
        bench.assert_nothing_outside();
    }
}
