use super::*;

const THIS: u32 = if cfg!(target_arch = "x86_64") {
    0xc000_003e
} else {
    0xc000_00b7
};
const FORBIDDEN: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
const ABSENT: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;

/// Runs the filter as the kernel does; the answer, and the steps that it took.
fn run(program: &BpfProgram, machine: u32, number: i64, arguments: [u64; 6]) -> (u32, usize) {
    let number = u32::try_from(number).unwrap();
    let mut data = [number, machine].map(u32::to_le_bytes).concat();
    data.extend(0_u64.to_le_bytes());
    data.extend(arguments.map(u64::to_le_bytes).concat());
    let (mut at, mut value) = (0, 0);
    for steps in 1..=program.len() {
        let instruction = &program[at];
        let k = instruction.k;
        let taken = match u32::from(instruction.code) {
            0x20 => {
                let bytes = &data[k as usize..k as usize + 4];
                value = u32::from_le_bytes(bytes.try_into().unwrap());
                at += 1;
                continue;
            }
            0x06 => return (k, steps),
            0x15 => value == k,
            0x35 => value >= k,
            0x45 => value & k != 0,
            other => panic!("{other:#x}"),
        };
        let jump = if taken {
            instruction.jt
        } else {
            instruction.jf
        };
        at += 1 + usize::from(jump);
    }
    panic!("the filter has no end");
}

fn answer(number: i64, arguments: [u64; 6]) -> u32 {
    run(&filter().unwrap(), THIS, number, arguments).0
}

fn wide(number: i32) -> u64 {
    number.unsigned_abs().into()
}

#[test]
fn every_number_has_the_answer_of_its_list() {
    let program = filter().unwrap();
    assert!(program.len() <= 4096, "{}", program.len());
    let plain: Vec<i64> = list::plain().collect();
    let looked_at = [
        libc::SYS_clone,
        libc::SYS_ioctl,
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_personality,
    ];
    let far = [1000, 0x4000_0000, 0x4000_0001, 0x7fff_ffff, 0xffff_ffff];
    for number in (0..600).chain(far) {
        if looked_at.contains(&number) {
            continue;
        }
        let expected = if plain.contains(&number) {
            ALLOWED
        } else if number == libc::SYS_clone3 || (470..530).contains(&number) {
            ABSENT
        } else {
            FORBIDDEN
        };
        let (answer, steps) = run(&program, THIS, number, [0; 6]);
        assert_eq!(answer, expected, "{number}");
        // The kernel takes so many for each call that it knows, whenever a program starts.
        assert!(steps <= 14, "{number}: {steps}");
    }
    assert!(plain.iter().all(|&number| (0..470).contains(&number)));
}

#[test]
fn a_call_made_as_another_machine_ends_the_process() {
    let program = filter().unwrap();
    for machine in [0x4000_0003, 0, THIS ^ 1] {
        let (answer, _) = run(&program, machine, libc::SYS_read, [0; 6]);
        assert_eq!(answer, libc::SECCOMP_RET_KILL_PROCESS, "{machine:#x}");
    }
}

#[test]
fn arguments_decide_where_the_number_cannot() {
    let first = |value: u64| [value, 0, 0, 0, 0, 0];
    let thread = wide(libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND);
    assert_eq!(answer(libc::SYS_clone, first(thread)), ALLOWED);
    for flag in [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ] {
        let flags = first(thread | wide(flag));
        assert_eq!(answer(libc::SYS_clone, flags), FORBIDDEN, "{flag:#x}");
    }
    for (request, expected) in [
        (libc::TIOCSTI, FORBIDDEN),
        (libc::TIOCLINUX, FORBIDDEN),
        (libc::FIONBIO, ALLOWED),
        (libc::TIOCGWINSZ, ALLOWED),
    ] {
        let arguments = [0, request, 0, 0, 0, 0];
        assert_eq!(answer(libc::SYS_ioctl, arguments), expected, "{request:#x}");
    }
    for (domain, expected) in [
        (0, ALLOWED),
        (0xffff_ffff, ALLOWED),
        (0x0040_0000, FORBIDDEN),
        (0x1, FORBIDDEN),
    ] {
        let arguments = first(domain);
        assert_eq!(
            answer(libc::SYS_personality, arguments),
            expected,
            "{domain:#x}"
        );
    }
}

#[test]
fn of_sockets_there_are_three_families_and_the_question_for_interfaces() {
    let socket = |family: i32, protocol: i32| {
        let arguments = [
            wide(family),
            wide(libc::SOCK_STREAM),
            wide(protocol),
            0,
            0,
            0,
        ];
        answer(libc::SYS_socket, arguments)
    };
    for family in 0..64 {
        let known = [
            libc::AF_UNIX,
            libc::AF_INET,
            libc::AF_INET6,
            libc::AF_NETLINK,
        ];
        let expected = if known.contains(&family) {
            ALLOWED
        } else {
            FORBIDDEN
        };
        assert_eq!(socket(family, 0), expected, "{family}");
    }
    assert_eq!(socket(libc::AF_NETLINK, libc::NETLINK_NETFILTER), FORBIDDEN);
    // The kernel looks at the lower half, and so do we: nothing hides in the upper one.
    let hidden = [wide(libc::AF_VSOCK) | 1 << 32, 1, 0, 0, 0, 0];
    assert_eq!(answer(libc::SYS_socket, hidden), FORBIDDEN);
    for (family, expected) in [(libc::AF_UNIX, ALLOWED), (libc::AF_INET, FORBIDDEN)] {
        let arguments = [wide(family), 1, 0, 0, 0, 0];
        assert_eq!(answer(libc::SYS_socketpair, arguments), expected);
    }
}

#[test]
fn what_leads_out_is_not_on_the_list() {
    for forbidden in [
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_mount_setattr,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_kcmp,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_reboot,
        libc::SYS_syslog,
        libc::SYS_open_by_handle_at,
        libc::SYS_swapon,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_quotactl,
        libc::SYS_fanotify_init,
        libc::SYS_acct,
    ] {
        assert_eq!(answer(forbidden, [0; 6]), FORBIDDEN, "{forbidden}");
    }
}

/// Whether a runtime that is told these rules lets a call through.
fn allows(rules: &[profile::Rule], name: &str, arguments: [u64; 6]) -> bool {
    let holds = |condition: &profile::Condition| {
        let value = u32::try_from(arguments[condition.index as usize] & 0xffff_ffff).unwrap();
        value & condition.value == condition.value_two
    };
    let mut named = rules.iter().filter(|rule| rule.names.contains(&name));
    named.any(|rule| rule.args.iter().all(holds))
}

#[test]
fn runtimes_are_told_what_our_own_filter_does() {
    let special = [
        ("clone3", libc::SYS_clone3),
        ("clone", libc::SYS_clone),
        ("ioctl", libc::SYS_ioctl),
        ("socket", libc::SYS_socket),
        ("socketpair", libc::SYS_socketpair),
        ("personality", libc::SYS_personality),
        ("mount", libc::SYS_mount),
        ("unshare", libc::SYS_unshare),
        ("keyctl", libc::SYS_keyctl),
    ];
    let program = filter().unwrap();
    let rules = profile::rules();
    for (name, number) in list::names().zip(list::plain()) {
        let (own, _) = run(&program, THIS, number, [0; 6]);
        assert!(own == ALLOWED && allows(&rules, name, [0; 6]), "{name}");
    }
    // Every value that a leaf asks for, its neighbours, and what hides in the upper half.
    let mut values: Vec<u64> = (0..70).chain(PERSONALITIES.map(u64::from)).collect();
    values.extend(
        TYPING
            .map(u64::from)
            .iter()
            .flat_map(|one| [one - 1, *one, one + 1]),
    );
    values.extend((0..33).map(|bit| 1 << bit));
    values.extend(TYPING.map(|one| u64::from(one) | 1 << 40));
    for (name, number) in special {
        for &value in &values {
            for arguments in [[value, 0, 0], [0, value, 0], [16, 0, value]] {
                let arguments = [arguments[0], arguments[1], arguments[2], 0, 0, 0];
                let (own, _) = run(&program, THIS, number, arguments);
                let told = allows(&rules, name, arguments);
                assert_eq!(told, own == ALLOWED, "{name} {arguments:?}");
            }
        }
    }
}
