# Tries what a contained program must not do, and prints what the kernel said: one `name: answer` a line.
import ctypes, errno, os, socket

libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"


def answer(name, call):
    try:
        result = call()
        print(f"{name}: {'done' if result is None else result}", flush=True)
    except OSError as error:
        print(f"{name}: {errno.errorcode.get(error.errno, error.errno)}", flush=True)


def call(x86, other, *arguments):
    def tried():
        words = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
        if libc.syscall(ctypes.c_long(x86 if X86 else other), *words) < 0:
            raise OSError(ctypes.get_errno(), "")
    return tried


def read(path):
    def tried():
        with open(path, "rb") as file:
            return f"{len(file.read(64))} bytes"
    return tried


def opened(path, flags=os.O_WRONLY):
    return lambda: os.close(os.open(path, flags))


def made(kind, protocol=0, family=socket.AF_INET):
    return lambda: socket.socket(family, kind, protocol).close()



def run_from_tmp():
    with open("/tmp/program", "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod("/tmp/program", 0o755)
    os.execv("/tmp/program", ["/tmp/program"])


answer("write /", opened("/new", os.O_WRONLY | os.O_CREAT))
answer("unshare user", call(272, 97, 0x10000000))
answer("unshare mount", call(272, 97, 0x00020000))
answer("setns", call(308, 268, 0, 0))
answer("clone into a new user namespace", call(56, 220, 0x10000000 | 17, 0, 0, 0, 0))
answer("clone3", call(435, 435, 0, 0))
answer("a call of the future", call(500, 500))
answer("keyctl", call(250, 219, 0, -3 & 0xFFFFFFFF, 0))
answer("add_key", call(248, 217, b"user", b"name", b"x", 1, -3 & 0xFFFFFFFF))
answer("ptrace init", call(101, 117, 16, 1, 0, 0))
answer("process_vm_readv", call(310, 270, 1, 0, 0, 0, 0, 0))
answer("mount", call(165, 40, b"none", b"/tmp", b"tmpfs", 0, 0))
answer("umount", call(166, 39, b"/proc", 2))
answer("chroot", lambda: os.chroot("/tmp"))
answer("pivot_root", call(155, 41, b"/tmp", b"/tmp"))
answer("open_tree", call(428, 428, -100, b"/", 1))
answer("mknod", lambda: os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(254, 0)))
answer("bpf", call(321, 280, 0, 0, 0))
answer("perf_event_open", call(298, 241, 0, 0, 0, 0, 0))
answer("io_uring_setup", call(425, 425, 1, 0))
answer("userfaultfd", call(323, 282, 0))
answer("kexec_load", call(246, 104, 0, 0, 0, 0))
answer("init_module", call(175, 105, 0, 0, b""))
answer("reboot", call(169, 142, 0, 0, 0, 0))
answer("syslog", call(103, 116, 3, 0, 0))
answer("open_by_handle_at", call(304, 265, -100, 0, 0))
answer("settimeofday", call(164, 170, 0, 0))
answer("type into a terminal", call(16, 29, 0, 0x5412, 0))
answer("raw socket", made(socket.SOCK_RAW, socket.IPPROTO_ICMP))
answer("packet socket", made(socket.SOCK_RAW, 0, 17))
answer("vsock", made(socket.SOCK_STREAM, 0, 40))
answer("alg socket", made(socket.SOCK_SEQPACKET, 0, 38))
answer("netlink audit", made(socket.SOCK_RAW, 9, 16))
answer("inet socket", made(socket.SOCK_STREAM))
answer("unix socket", made(socket.SOCK_STREAM, 0, socket.AF_UNIX))
answer("netlink route", made(socket.SOCK_RAW, 0, 16))
answer("root", lambda: os.setuid(0))
answer("signal the shim", lambda: os.kill(int(os.environ["SHIM_PID"]), 0))
answer("core_pattern", opened("/proc/sys/kernel/core_pattern"))
answer("sysrq", lambda: os.write(os.open("/proc/sysrq-trigger", os.O_WRONLY), b""))
answer("kcore", read("/proc/kcore"))
answer("keys", read("/proc/keys"))
answer("init's environment", read("/proc/1/environ"))
answer("init's memory", read("/proc/1/mem"))
answer("shadow", read("/etc/shadow"))
answer("the home of root", lambda: f"{len(os.listdir('/root'))} files")
answer("sysfs", lambda: f"{len(os.listdir('/sys'))} files")
answer("a disk", opened("/dev/vda", os.O_RDONLY))
answer("a program in /tmp", run_from_tmp)
answer("processes", lambda: sum(name.isdigit() for name in os.listdir("/proc")))
answer("descriptors", lambda: " ".join(sorted(os.listdir("/proc/self/fd"))))
answer("interfaces", lambda: ",".join(name for _, name in socket.if_nameindex()))
answer("user", lambda: os.getuid())
answer("map", lambda: " ".join(open("/proc/self/uid_map").read().split()))
answer("name", lambda: os.uname().nodename)

