#!/bin/bash
# Makes a Linux guest that runs the kernel's own tests, kselftest: those of x86's entries and exits, breakpoints, signals, ptrace and
# seccomp, built from Debian's linux-source, and the test modules that Debian's kernel brings.
#   tests/guests/kselftest.sh FOLDER  ->  FOLDER/vmlinuz, FOLDER/kselftest.cpio, and the suite FOLDER/kselftest.toml
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
begin_image apt-get apt-cache dpkg-deb cpio tar xz "${CC:-gcc}" -- "$@"

package=$(newest_kernel amd64)
kernel=$(unpacked "$package")
cp "$kernel"/boot/vmlinuz-* "$out/vmlinuz"

# selftests: prints the folder of a Linux with kselftest's sources; the archive with all of Linux is not kept.
selftests() {
  local tree=$package_cache/trees/kselftest archive
  if [ ! -d "$tree" ]; then
    archive=$(unpacked linux-source-6.1)
    tar -xJf "$archive/usr/src/linux-source-6.1.tar.xz" -C "$work" linux-source-6.1/{tools/testing/selftests,arch/x86/include/asm}
    mv "$work/linux-source-6.1" "$tree"
    rm -r "$archive"
  fi
  echo "$tree"
}
source_tree=$(selftests)
sources=$source_tree/tools/testing/selftests

# What programs of 32 bits are made of, which gcc finds here without being installed.
libc32=$(unpacked libc6-dev-i386)
gcc32=("$(unpacked lib32gcc-12-dev)"/usr/lib/gcc/x86_64-linux-gnu/*/32)
bits32=(-m32 -B"$libc32/usr/lib32/" -B"${gcc32[0]}/" -L"${gcc32[0]}" -L"$libc32/usr/lib32"
  -idirafter "$libc32/usr/include/x86_64-linux-gnu" -idirafter /usr/include/x86_64-linux-gnu)

tree=$work/tree
busybox_tree "$tree"
mkdir -p "$tree"/{modules,kselftest/kselftest}
cp "$sources/kselftest/runner.sh" "$tree/kselftest/kselftest/"

# program COLLECTION NAME WORD...: one of a collection's programs, from the source that the words name, and its line in the list of the
# collection. The programs are static, so that the guest needs no library.
program() {
  local collection=$1 name=$2
  shift 2
  mkdir -p "$tree/kselftest/$collection"
  (cd "$sources/$collection" && "${CC:-gcc}" -std=gnu99 -pthread -w -no-pie -static -s -DCAN_BUILD_32 -DCAN_BUILD_64 \
    -o "$tree/kselftest/$collection/$name" "$@" -lrt -lm 2>"$work/log") || {
    cat "$work/log" >&2
    die "cannot build kselftest's $collection/$name"
  }
  echo "$name" >>"$tree/kselftest/$collection.list"
}

# As kselftest's own x86/Makefile has them. Left out is what wants dlopen, as a static program has no dynamic loader, and amx, as no
# CPU model has AMX.
x86=(-O2)
for name in single_step_syscall sysret_ss_attrs syscall_nt test_mremap_vdso sigreturn iopl ioperm mov_ss_trap sigtrap_loop \
  syscall_arg_fault fsgsbase_restore sigaltstack ldt_gdt ptrace_syscall check_initial_reg_state; do
  more=() more32=()
  case $name in
    sysret_ss_attrs) more=(thunks.S) ;;
    ptrace_syscall) more32=(raw_syscall_helper_32.S) ;;
    check_initial_reg_state) more=(-Wl,-ereal_start) more32=(-Wl,-ereal_start) ;;
  esac
  program x86 "${name}_64" "${x86[@]}" "$name.c" "${more[@]}"
  program x86 "${name}_32" "${x86[@]}" "${bits32[@]}" "$name.c" "${more32[@]}"
done
for name in fsgsbase sysret_rip syscall_numbering corrupt_xstate_header; do program x86 "${name}_64" "${x86[@]}" "$name.c"; done
for name in entry_from_vm86 test_FCMOV test_FCOMI test_FISTTP; do
  program x86 "${name}_32" "${x86[@]}" "${bits32[@]}" "$name.c"
done
program x86 test_syscall_vdso_32 "${x86[@]}" "${bits32[@]}" test_syscall_vdso.c thunks_32.S

# What breakpoint_test reads and writes, a compiler that optimizes would leave out. ptrace's vmaccess is left out: it wants what
# this kernel does not do.
program breakpoints breakpoint_test breakpoint_test.c
for name in get_syscall_info peeksiginfo; do program ptrace $name -O2 $name.c; done
program sigaltstack sas -O2 sas.c
program syscall_user_dispatch sud_test -O2 sud_test.c
capabilities=$(unpacked libcap-dev)/usr
program seccomp seccomp_bpf -O2 seccomp_bpf.c -idirafter "$capabilities/include" "$capabilities/lib/x86_64-linux-gnu/libcap.a"
for name in posix_timers nanosleep; do program timers $name -O2 $name.c; done

for module in test_user_copy test_static_key_base test_static_keys test_bpf; do
  find "$kernel/lib/modules" -name "$module.ko" -exec cp {} "$tree/modules/" \;
done
cp "$guests_dir/kselftest_stage.sh" "$tree/stage.sh"
reproducible_cpio "$tree" "$out/kselftest.cpio"
cp "$guests_dir/kselftest.toml" "$out/"
