//! What stands under the help of each command: how it is used, and how it ends.

/// Examples with the exit codes under them, which are the same for every command (DESIGN.md section 7).
macro_rules! help {
    ($name:ident, $($line:literal),+) => {
        pub(crate) const $name: &str = concat!(
            "Examples:\n",
            $("  ", $line, "\n",)+
            "\nExit codes: 0 done and as promised, 1 the app falls short, 2 wrong usage, 3 our own failure."
        );
    };
}

help!(
    PLIMSOLL,
    "plimsoll init                 write a plimsoll.toml for the code in this folder",
    "plimsoll up                   build and run the app here; Ctrl-C stops it",
    "plimsoll up --detach          the same, and return when every replica is ready",
    "plimsoll status               what runs, since when, with how much memory",
    "plimsoll logs -f backend      follow one service",
    "plimsoll deploy               bring a new release into force, and count what clients noticed",
    "plimsoll rollback             back to the release before",
    "plimsoll down                 stop everything, keep the data"
);
help!(
    INIT,
    "plimsoll init                 look at this folder, write plimsoll.toml into it",
    "plimsoll init shop            the same for the folder `shop`"
);
help!(
    BUILD,
    "plimsoll build                build all services, show every finding of the file",
    "plimsoll build web            build one",
    "plimsoll build --format json  digests, sizes, layers and packages for programs",
    "plimsoll build --push ghcr.io/acme/shop:1.2   to ghcr.io/acme/shop/SERVICE:1.2, for one service to REF itself",
    "plimsoll build web --archive web.tar          an OCI archive, for `skopeo copy` or `ctr images import`"
);
help!(
    IMAGE,
    "plimsoll image diff web sha256:1f…   what changed since the image of that digest"
);
help!(
    IMAGE_DIFF,
    "plimsoll image diff sha256:1f… web   from the image of that digest to the newest of `web`",
    "plimsoll image diff --format json …  the same for programs"
);
help!(
    UP,
    "plimsoll up                   run the app until Ctrl-C, keep its data",
    "plimsoll up --detach          return when ready, with one line of JSON: URLs, logins, release",
    "plimsoll up --env staging     with the overlay [env.staging]",
    "PLIMSOLL_RUNTIME=runc plimsoll up   replicas are contained by an OCI runtime (runc, crun, youki), as root"
);
help!(
    DEPLOY,
    "plimsoll deploy               the new release takes over as [rollout] says; the last line counts failures",
    "plimsoll deploy --plan        what would be done, step by step",
    "plimsoll deploy --strategy canary --env production"
);
help!(
    ROLLBACK,
    "plimsoll rollback             back to the release before, its settings and secrets too",
    "plimsoll rollback r1f00c0ffee42   to any release that `plimsoll releases` shows"
);
help!(
    RELEASES,
    "plimsoll releases             newest first; the one in force is marked",
    "plimsoll releases --format json"
);
help!(
    CLEANUP,
    "plimsoll cleanup --plan       what could go",
    "plimsoll cleanup --keep 3     keep three releases beside the one in force",
    "plimsoll cleanup --quota 10Gi"
);
help!(
    AUDIT,
    "plimsoll audit                the newest 50 entries",
    "plimsoll audit verify         0 when every entry is as it was written, 1 when not",
    "plimsoll audit --format json -n 1000"
);
help!(
    DOWN,
    "plimsoll down                 traffic drains, then everything ends; data stays",
    "plimsoll down --data          delete the data too, after the app's name was typed",
    "plimsoll down --data --confirm shop   the same where nobody can be asked"
);
help!(
    STATUS,
    "plimsoll status               every process of the app; exit code 1 when it is not up",
    "plimsoll status --format json the same for programs",
    "plimsoll status --release     images, bundle, secrets, schema of the release in force, and who brought it",
    "plimsoll status --release r1f00c0ffee42   of any release that is kept"
);
help!(
    LOGS,
    "plimsoll logs                 the last 100 lines of each process",
    "plimsoll logs -f backend db   follow a service and a resource",
    "plimsoll logs -n 5            the last 5 lines of each"
);
help!(
    SCALE,
    "plimsoll scale backend=3      three replicas from now on",
    "plimsoll scale backend=3 worker=1"
);
help!(
    SECRET,
    "plimsoll secret set smtp-password < password.txt",
    "plimsoll secret list          names and versions, never values",
    "plimsoll secret rotate jwt-secret && plimsoll up --detach"
);
help!(
    SECRET_SET,
    "plimsoll secret set smtp-password < password.txt",
    "pass show smtp | plimsoll secret set smtp-password"
);
help!(
    SECRET_LIST,
    "plimsoll secret list",
    "plimsoll secret list --env staging --format json"
);
help!(
    SECRET_ROTATE,
    "plimsoll secret rotate jwt-secret && plimsoll up --detach"
);
help!(
    DOCTOR,
    "plimsoll doctor               each attack, outside and as a replica; 1 when one gets through",
    "sudo plimsoll doctor          the same where replicas get limits and users of their own",
    "plimsoll doctor --format json the same for programs",
    "PLIMSOLL_RUNTIME=runc plimsoll doctor   replicas contained by that OCI runtime (runc, crun, youki)"
);
help!(
    SCHEMA,
    "plimsoll schema > plimsoll.schema.json   for editors that complete and check TOML"
);
