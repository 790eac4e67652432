//! Every attack, by the sentence that it tests.

use super::{
    Attack, CPU, Control, DECLARED_PORT, MEMORY_WITHIN, PROCESSES_WITHIN, Run, SETUID_FILE,
    capabilities, files, kernel, limits, machine, network, privileges, processes,
};

use Control::{
    Capabilities, FileTree, Limits, MachineFiles, Network, NewPrivileges, Processes, SystemCalls,
};

const fn row(control: Control, name: &'static str, does: &'static str, run: Run) -> Attack {
    Attack {
        name,
        control,
        does,
        within: None,
        run,
    }
}

/// The same, where something like it is allowed.
const fn within(attack: Attack, allowed: &'static str) -> Attack {
    Attack {
        within: Some(allowed),
        ..attack
    }
}

const fn limit(
    (name, does): (&'static str, &'static str),
    run: Run,
    within: Option<&'static str>,
) -> Attack {
    Attack {
        name,
        control: Limits,
        does,
        within,
        run,
    }
}

/// All of them, in the order in which they are made and shown.
#[rustfmt::skip] // one row is one line
pub const ATTACKS: &[Attack] = &[
    row(FileTree, "write-root", "write to /", files::write_root),
    row(FileTree, "read-host-file", "read a file of this machine", files::read_host_file),
    row(FileTree, "open-shadow", "open /etc/shadow", files::open_shadow),
    row(FileTree, "symlink-out", "follow a link out of the tree", files::symlink_out),
    row(FileTree, "through-init", "reach a file through /proc/1/root", files::through_init),
    row(FileTree, "neighbour-secret", "read another replica's secret", files::neighbour_secret),
    row(FileTree, "open-disk", "open a disk", files::open_disk),
    row(FileTree, "open-memory", "open /dev/mem", files::open_memory),
    row(FileTree, "open-kernel-log", "open /dev/kmsg", files::open_kernel_log),
    row(FileTree, "release-agent", "open a group's release_agent", files::release_agent),
    row(FileTree, "leave-group", "open cgroup.procs of the root group", files::leave_group),
    row(MachineFiles, "sysrq", "open /proc/sysrq-trigger", machine::sysrq),
    row(MachineFiles, "core-pattern", "open core_pattern for writing", machine::core_pattern),
    row(MachineFiles, "kernel-memory", "read /proc/kcore", machine::kernel_memory),
    row(MachineFiles, "init-environment", "read /proc/1/environ", machine::init_environment),
    row(Processes, "signal-neighbour", "signal another replica", processes::signal),
    row(Processes, "trace-neighbour", "ptrace another replica", processes::trace),
    row(Processes, "neighbour-memory", "open another replica's memory", processes::memory),
    row(Processes, "neighbour-environment", "read another replica's variables", processes::environment),
    row(Processes, "neighbour-network", "enter another replica's network", processes::enter_network),
    within(row(Network, "loopback-port", "talk to a port on the host's loopback", network::loopback_port), DECLARED_PORT),
    row(Network, "machine-address", "talk to a port on the host's address", network::machine_address),
    row(Network, "route-out", "find a route to other machines", network::route_out),
    row(Network, "abstract-socket", "talk to an abstract Unix socket", network::abstract_socket),
    row(Capabilities, "become-root", "setuid(0)", capabilities::become_root),
    row(Capabilities, "take-capabilities", "take two capabilities", capabilities::take_capabilities),
    row(Capabilities, "mount-memory", "mount a tmpfs", capabilities::mount_memory),
    row(Capabilities, "mount-groups", "mount the kernel groups", capabilities::mount_groups),
    row(Capabilities, "make-device", "make a device node", capabilities::make_device),
    row(Capabilities, "change-root", "chroot", capabilities::change_root),
    row(Capabilities, "change-name", "set the machine's name", capabilities::change_name),
    row(Capabilities, "raw-socket", "open a raw socket", network::raw_socket),
    row(Capabilities, "packet-socket", "open a packet socket", network::packet_socket),
    row(Capabilities, "change-routes", "change the routes", network::change_routes),
    row(Capabilities, "replace-kernel", "load another kernel", kernel::replace_kernel),
    row(Capabilities, "load-module", "load a kernel module", kernel::load_module),
    row(SystemCalls, "unshare-user", "make a user namespace", kernel::unshare_user),
    row(SystemCalls, "unshare-mounts", "make a mount namespace", kernel::unshare_mounts),
    row(SystemCalls, "keyring", "join a kernel keyring", kernel::keyring),
    row(SystemCalls, "vsock", "open a socket to the hypervisor", network::vsock),
    row(SystemCalls, "bpf", "make a BPF map", kernel::bpf),
    row(SystemCalls, "perf", "open a performance counter", kernel::perf),
    row(SystemCalls, "page-faults", "handle page faults (userfaultfd)", kernel::page_faults),
    row(SystemCalls, "io-uring", "set up an io_uring", kernel::ring),
    row(NewPrivileges, SETUID_FILE, "execute a setuid-root file", privileges::setuid_file),
    limit(("memory", "touch 80 MiB of 64"), limits::memory, Some(MEMORY_WITHIN)),
    limit(("processes", "fork 200 times, 32 allowed"), limits::processes, Some(PROCESSES_WITHIN)),
    limit((CPU, "use a whole CPU, 5 % allowed"), limits::cpu, None),
    limit(("open-files", "open 512 files, 256 allowed"), limits::open_files, None),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_attack_has_a_name_of_its_own_and_the_rows_stand_by_control() {
        let names: BTreeSet<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), ATTACKS.len());
        assert!(ATTACKS.is_sorted_by_key(|attack| attack.control));
    }

    #[test]
    fn what_is_done_fits_its_column() {
        for attack in ATTACKS {
            assert!(attack.does.chars().count() <= 40, "{}", attack.does);
        }
    }
}
