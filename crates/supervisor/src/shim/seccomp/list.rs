//! The calls that are allowed whatever their arguments.
//!
//! Chosen by what programs do, not by what the kernel has: files, memory, threads, time, signals, sockets, waiting, and
//! asking who one is. Calls that need a capability to do harm are here where programs make them in passing (`chown`,
//! `setuid`), since none is held.

/// A system call: its name as the C library's headers have it, and its number on this machine.
type Call = (&'static str, i64);

/// Names of system calls, with the numbers of this machine.
macro_rules! calls {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

const FILES: &[Call] = calls! {
    SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv SYS_pwritev SYS_preadv2 SYS_pwritev2
    SYS_close SYS_close_range SYS_lseek SYS_openat SYS_openat2 SYS_statx SYS_fstat SYS_newfstatat SYS_statfs SYS_fstatfs
    SYS_faccessat SYS_faccessat2 SYS_readlinkat SYS_getdents64 SYS_getcwd SYS_chdir SYS_fchdir SYS_mkdirat SYS_unlinkat
    SYS_renameat2 SYS_linkat SYS_symlinkat SYS_mknodat SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat
    SYS_umask SYS_truncate SYS_ftruncate SYS_fallocate SYS_fadvise64 SYS_readahead SYS_fsync SYS_fdatasync SYS_sync
    SYS_syncfs SYS_sendfile SYS_splice SYS_tee SYS_vmsplice SYS_copy_file_range SYS_utimensat
    SYS_dup SYS_dup3 SYS_fcntl SYS_flock SYS_pipe2 SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_setxattr SYS_lsetxattr
    SYS_fsetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr SYS_removexattr SYS_lremovexattr SYS_fremovexattr
    SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch SYS_io_setup SYS_io_destroy SYS_io_submit SYS_io_cancel
    SYS_io_getevents SYS_name_to_handle_at
};

const MEMORY: &[Call] = calls! {
    SYS_brk SYS_mmap SYS_munmap SYS_mremap SYS_mprotect SYS_msync SYS_madvise SYS_mincore SYS_mlock SYS_mlock2
    SYS_munlock SYS_mlockall SYS_munlockall SYS_remap_file_pages SYS_pkey_alloc SYS_pkey_free SYS_pkey_mprotect
    SYS_memfd_create SYS_memfd_secret SYS_process_madvise SYS_process_mrelease SYS_get_mempolicy SYS_mseal
    SYS_membarrier
};

const PROCESSES: &[Call] = calls! {
    SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4 SYS_waitid SYS_kill SYS_tkill SYS_tgkill
    SYS_pidfd_open SYS_pidfd_send_signal SYS_set_tid_address SYS_set_robust_list SYS_get_robust_list SYS_rseq
    SYS_futex SYS_futex_waitv SYS_sched_yield SYS_sched_getaffinity SYS_sched_setaffinity SYS_sched_getparam
    SYS_sched_setparam SYS_sched_getscheduler SYS_sched_setscheduler SYS_sched_get_priority_max
    SYS_sched_get_priority_min SYS_sched_rr_get_interval SYS_sched_getattr SYS_sched_setattr SYS_getpriority
    SYS_setpriority SYS_ioprio_get SYS_ioprio_set SYS_prctl SYS_getcpu SYS_getrusage
    SYS_prlimit64 SYS_capget SYS_capset SYS_seccomp SYS_landlock_create_ruleset SYS_landlock_add_rule
    SYS_landlock_restrict_self
};

const IDENTITY: &[Call] = calls! {
    SYS_getpid SYS_getppid SYS_gettid SYS_getpgid SYS_setpgid SYS_getsid SYS_setsid SYS_getuid SYS_geteuid SYS_getgid
    SYS_getegid SYS_getresuid SYS_getresgid SYS_getgroups SYS_setuid SYS_setgid SYS_setreuid SYS_setregid
    SYS_setresuid SYS_setresgid SYS_setfsuid SYS_setfsgid SYS_setgroups SYS_uname SYS_sysinfo SYS_getrandom
    SYS_times
};

const SIGNALS_AND_TIME: &[Call] = calls! {
    SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigpending SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_rt_sigreturn
    SYS_rt_sigsuspend SYS_rt_sigtimedwait SYS_sigaltstack SYS_signalfd4 SYS_restart_syscall SYS_nanosleep
    SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_gettimeofday SYS_getitimer SYS_setitimer
    SYS_timer_create SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete SYS_timerfd_create
    SYS_timerfd_settime SYS_timerfd_gettime SYS_eventfd2
};

const WAITING_AND_TALKING: &[Call] = calls! {
    SYS_ppoll SYS_pselect6 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_bind SYS_listen
    SYS_accept SYS_accept4 SYS_connect SYS_getsockname SYS_getpeername SYS_getsockopt SYS_setsockopt SYS_shutdown
    SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg SYS_shmget SYS_shmat SYS_shmdt SYS_shmctl
    SYS_semget SYS_semop SYS_semtimedop SYS_semctl SYS_msgget SYS_msgsnd SYS_msgrcv SYS_msgctl SYS_mq_open
    SYS_mq_unlink SYS_mq_timedsend SYS_mq_timedreceive SYS_mq_notify SYS_mq_getsetattr
};

/// What only x86 still has beside its newer form.
#[cfg(target_arch = "x86_64")]
const OLD: &[Call] = calls! {
    SYS_open SYS_creat SYS_stat SYS_lstat SYS_access SYS_readlink SYS_getdents SYS_mkdir SYS_rmdir SYS_unlink SYS_rename
    SYS_renameat SYS_getrlimit SYS_setrlimit SYS_sync_file_range
    SYS_link SYS_symlink SYS_mknod SYS_chmod SYS_chown SYS_lchown SYS_utime SYS_utimes SYS_futimesat SYS_dup2 SYS_pipe
    SYS_inotify_init SYS_fork SYS_vfork SYS_getpgrp SYS_arch_prctl SYS_set_thread_area SYS_get_thread_area
    SYS_modify_ldt SYS_signalfd SYS_alarm SYS_pause SYS_time SYS_eventfd SYS_poll SYS_select SYS_epoll_create
    SYS_epoll_wait
};
/// As the newer machines number them.
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[Call] = &[
    ("renameat", 38),
    ("sync_file_range", 84),
    ("getrlimit", 163),
    ("setrlimit", 164),
];

/// Calls that the C library's headers do not name on both machines yet; their numbers are the same on all.
const UNNAMED: &[Call] = &[
    ("cachestat", 451),
    ("fchmodat2", 452),
    ("map_shadow_stack", 453),
    ("futex_wake", 454),
    ("futex_wait", 455),
    ("futex_requeue", 456),
];

/// All of them, by number.
pub(super) fn plain() -> impl Iterator<Item = i64> {
    calls().map(|(_, number)| number)
}

/// All of them, by the names that the kernel's own documents use.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    calls().map(|(name, _)| name.strip_prefix("SYS_").unwrap_or(name))
}

fn calls() -> impl Iterator<Item = Call> {
    [
        FILES,
        MEMORY,
        PROCESSES,
        IDENTITY,
        SIGNALS_AND_TIME,
        WAITING_AND_TALKING,
        OLD,
        UNNAMED,
    ]
    .into_iter()
    .flatten()
    .copied()
}
