//! What honest images become.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use plimsoll_image::unpack::{Rootfs, UnpackError};

use super::support::{Bench, Node, What, layer, list, mode, read_tree, write};

fn file(text: &str) -> Node {
    Node::File(text.as_bytes().to_vec())
}

#[test]
fn a_higher_layer_replaces_hides_and_adds() {
    let bench = Bench::new();
    let tree = bench.tree(&[
        layer(&[
            ("bin/", What::Dir(0o755)),
            ("bin/old", What::File(b"old")),
            ("bin/kept", What::File(b"kept")),
            ("lib/a/b", What::File(b"b")),
            ("lib/c", What::File(b"c")),
            ("data", What::File(b"a file")),
        ]),
        layer(&[
            ("bin/.wh.old", What::File(b"")),
            ("lib/a/new", What::File(b"new")),
            // Hides what is below, and not its neighbour above, though it comes after it.
            ("lib/.wh..wh..opq", What::File(b"")),
            (".wh.data", What::File(b"")),
            ("data/in", What::File(b"now a folder")),
        ]),
        layer(&[("bin/kept", What::File(b"newer"))]),
    ]);
    let paths: Vec<_> = tree.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "bin",
            "bin/kept",
            "data",
            "data/in",
            "lib",
            "lib/a",
            "lib/a/new"
        ]
    );
    assert_eq!(tree["bin/kept"], file("newer"));
    bench.assert_nothing_outside();
}

#[test]
fn a_whiteout_never_hides_what_its_own_layer_has_wherever_it_stands() {
    let bench = Bench::new();
    let below = layer(&[("a", What::File(b"below")), ("d/x", What::File(b"below"))]);
    let own = [("a", What::File(b"own")), ("d/y", What::File(b"own"))];
    let white = [
        (".wh.a", What::File(b"")),
        ("d/.wh..wh..opq", What::File(b"")),
    ];
    let before = layer(&[&white[..], &own[..]].concat());
    let after = layer(&[&own[..], &white[..]].concat());
    let tree = bench.tree(&[below.clone(), before]);
    assert_eq!(tree, bench.tree(&[below, after]));
    assert_eq!(tree["a"], file("own"));
    assert!(tree.contains_key("d/y") && !tree.contains_key("d/x"));
}

#[test]
fn the_last_of_several_entries_of_one_path_counts() {
    let bench = Bench::new();
    let tree = bench.tree(&[layer(&[
        ("a", What::File(b"1")),
        ("a", What::Symlink("b")),
        ("b/c", What::File(b"c")),
        ("a", What::File(b"3")),
        ("b", What::File(b"was a folder")),
    ])]);
    assert_eq!(tree["a"], file("3"));
    assert_eq!(tree["b"], file("was a folder"));
    assert_eq!(tree.len(), 2);
}

#[test]
fn entries_behind_a_link_of_a_lower_layer_land_where_the_link_leads() {
    let bench = Bench::new();
    let tree = bench.tree(&[
        layer(&[
            ("usr/lib/", What::Dir(0o755)),
            ("lib", What::Symlink("usr/lib")),
            ("var/run", What::Symlink("/gone")),
        ]),
        layer(&[("lib/x", What::File(b"x")), ("var/run/y", What::File(b"y"))]),
    ]);
    assert_eq!(tree["lib"], Node::Symlink("usr/lib".into()));
    assert_eq!(tree["usr/lib/x"], file("x"));
    assert_eq!(tree["gone/y"], file("y"));
}

#[test]
fn hard_links_share_a_file_and_replacing_one_leaves_the_other() {
    let bench = Bench::new();
    let image = bench.image(&[
        layer(&[
            ("a", What::File(b"one")),
            ("b", What::Hard("a")),
            ("c", What::Hard("/b")),
            ("c", What::Hard("c")),
        ]),
        layer(&[("b", What::File(b"two"))]),
    ]);
    let path = bench.ensure(&image).unwrap().path;
    let tree = read_tree(&path);
    assert_eq!(
        (&tree["a"], &tree["b"], &tree["c"]),
        (&file("one"), &file("two"), &file("one"))
    );
    let inode = |name: &str| std::fs::metadata(path.join(name)).unwrap().ino();
    assert_eq!(inode("a"), inode("c"));
}

#[test]
fn modes_are_those_that_the_replica_can_use_and_times_stay() {
    let bench = Bench::new();
    let image = bench.image(&[layer(&[
        ("su", What::Mode(0o6755, b"x")),
        ("key", What::Mode(0o600, b"x")),
        ("closed/", What::Dir(0o2700)),
        ("tmp/", What::Dir(0o755)),
    ])]);
    let path = bench.ensure(&image).unwrap().path;
    assert_eq!(mode(&path), 0o755);
    assert_eq!(mode(&path.join("su")), 0o755);
    assert_eq!(mode(&path.join("key")), 0o644);
    assert_eq!(mode(&path.join("closed")), 0o755);
    assert_eq!(mode(&path.join("tmp")), 0o1777);
    assert_eq!(
        std::fs::metadata(path.join("key")).unwrap().mtime(),
        1_000_000_000
    );
    assert_eq!(
        std::fs::metadata(path.join("key")).unwrap().uid(),
        std::fs::metadata(bench.outside()).unwrap().uid()
    );
}

#[test]
fn every_image_has_real_mount_points_whatever_it_says() {
    let bench = Bench::new();
    let outside = bench.outside().join("victim");
    let image = bench.image(&[layer(&[
        ("etc/hosts", What::Symlink(outside.to_str().unwrap())),
        ("etc/resolv.conf/", What::Dir(0o755)),
        ("proc", What::Symlink("/etc")),
        ("run", What::File(b"a file")),
        ("tmp", What::Symlink("var/tmp")),
    ])]);
    let path = bench.ensure(&image).unwrap().path;
    for folder in ["dev", "proc", "run", "tmp"] {
        assert!(
            std::fs::symlink_metadata(path.join(folder))
                .unwrap()
                .is_dir(),
            "{folder}"
        );
    }
    for file in ["etc/hosts", "etc/resolv.conf"] {
        assert!(
            std::fs::symlink_metadata(path.join(file))
                .unwrap()
                .is_file(),
            "{file}"
        );
    }
    bench.assert_nothing_outside();
    let linked = bench.image(&[layer(&[("etc", What::Symlink("/usr/etc"))])]);
    assert!(matches!(
        bench.ensure(&linked),
        Err(UnpackError::Stub("/etc", _))
    ));
}

#[test]
fn unpacking_again_touches_nothing() {
    let bench = Bench::new();
    let image = bench.image(&[layer(&[
        ("a", What::File(b"a")),
        ("pipe", What::Flag(b'6')),
    ])]);
    let first = bench.ensure(&image).unwrap();
    assert_eq!(first.skipped, ["pipe"]);
    let inode = std::fs::metadata(first.path.join("a")).unwrap().ino();
    // The layers are not even needed any more.
    std::fs::remove_dir_all(bench.layout.root()).unwrap();
    assert_eq!(bench.ensure(&image).unwrap(), first);
    assert_eq!(
        std::fs::metadata(first.path.join("a")).unwrap().ino(),
        inode
    );
}

#[test]
fn a_folder_without_its_list_is_made_again() {
    let bench = Bench::new();
    let image = bench.image(&[layer(&[("a", What::File(b"a"))])]);
    let path = bench.ensure(&image).unwrap().path;
    write(&path.join("a"), b"changed");
    std::fs::remove_file(path.with_extension("rootfs.json")).unwrap();
    assert!(Rootfs::find(&bench.root(), &image.descriptor.digest).is_none());
    assert_eq!(
        read_tree(&bench.ensure(&image).unwrap().path)["a"],
        file("a")
    );
    assert_eq!(list(&bench.root()).len(), 2);
}

#[test]
fn an_image_that_is_removed_leaves_its_neighbour() {
    let bench = Bench::new();
    assert!(Rootfs::all(&bench.root()).unwrap().is_empty());
    let [one, two] =
        ["1", "2"].map(|text| bench.image(&[layer(&[("a", What::File(text.as_bytes()))])]));
    let kept = bench.ensure(&one).unwrap();
    bench.ensure(&two).unwrap();
    assert_eq!(Rootfs::all(&bench.root()).unwrap().len(), 2);
    for _ in 0..2 {
        Rootfs::remove(&bench.root(), &two.descriptor.digest).unwrap();
    }
    assert_eq!(Rootfs::all(&bench.root()).unwrap(), [one.descriptor.digest]);
    assert_eq!(read_tree(&kept.path)["a"], file("1"));
    bench.assert_nothing_outside();
    assert_eq!(list(&bench.root()).len(), 2);
}

#[test]
fn unpacking_at_once_ends_with_one_folder() {
    let bench = Bench::new();
    let bodies: Vec<String> = (0..200)
        .map(|number| format!("d{}/f{number}", number % 7))
        .collect();
    let entries: Vec<_> = bodies
        .iter()
        .map(|path| (path.as_str(), What::File(path.as_bytes())))
        .collect();
    let image = bench.image(&[layer(&entries)]);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| bench.ensure(&image).unwrap().path))
            .collect();
        for run in runs {
            assert_eq!(read_tree(&run.join().unwrap()).len(), 207);
        }
    });
    bench.assert_nothing_outside();
    assert_eq!(list(&bench.root()).len(), 2);
}

#[test]
fn a_hundred_thousand_tiny_files_are_unpacked() {
    let bench = Bench::new();
    let paths: Vec<String> = (0..100_000)
        .map(|number| format!("d/{:02}/{number}", number % 100))
        .collect();
    let entries: Vec<_> = paths
        .iter()
        .map(|path| (path.as_str(), What::File(b"")))
        .collect();
    let rootfs = bench.ensure(&bench.image(&[layer(&entries)])).unwrap();
    assert_eq!((rootfs.entries, rootfs.bytes), (100_000, 0));
    let count: usize = (0..100)
        .map(|number| list(&rootfs.path.join(format!("d/{number:02}"))).len())
        .sum();
    assert_eq!(count, 100_000);
}

#[test]
fn a_file_that_was_changed_since_makes_the_image_unpack_anew() {
    let bench = Bench::new();
    let image = bench.image(&[layer(&[("a", What::File(b"a")), ("b", What::File(b"b"))])]);
    let unpacked = bench.ensure(&image).unwrap();
    let intact = || Rootfs::intact(&bench.root(), &image.descriptor.digest);
    assert_eq!(intact(), Some(unpacked.clone()));
    write(&unpacked.path.join("a"), b"!");
    assert_eq!(intact(), None);
    let again = bench.ensure(&image).unwrap();
    assert_eq!(read_tree(&again.path)["a"], file("a"));
    assert_eq!(list(&bench.root()).len(), 2);
}

#[test]
fn pruning_removes_what_is_not_needed_whole_or_not_and_nothing_else() {
    let bench = Bench::new();
    let [one, two, three] =
        ["1", "2", "3"].map(|text| bench.image(&[layer(&[("a", What::File(text.as_bytes()))])]));
    let kept = bench.ensure(&one).unwrap();
    let headless = bench.ensure(&two).unwrap().path;
    bench.ensure(&three).unwrap();
    std::fs::remove_file(headless.with_extension("rootfs.json")).unwrap();
    std::fs::create_dir(bench.root().join("empty")).unwrap();
    let needed = [one.descriptor.digest.clone()].into();
    assert_eq!(Rootfs::prune(&bench.root(), &needed).unwrap(), 2);
    assert_eq!(Rootfs::prune(&bench.root(), &needed).unwrap(), 0);
    assert!(kept.path.is_dir() && bench.root().join("empty").is_dir());
    assert_eq!(list(&bench.root()).len(), 3);
    assert_eq!(
        Rootfs::prune(Path::new("/nonexistent"), &needed).unwrap(),
        0
    );
}
