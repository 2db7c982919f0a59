#!/usr/bin/env bash
# Boots kernels of ebpf/kernels.list in qemu, on cgroup v1 and v2, and checks in each that Traceherd
# does there what it should. Prints a table; fails where a check does.
#
#   run.sh TRACEHERD GUEST [NAME...]
#
# Always under emulation (tcg): the same on every machine, and quick enough.
set -euo pipefail

# Seconds that one guest may take; it is mostly the verifier's time, and a minute on an idle machine.
patience=600

traceherd=$(realpath "$1") guest=$(realpath "$2")
shift 2
cd "$(dirname "$0")"
if [ $# -gt 0 ]; then kernels=("$@"); else
  mapfile -t kernels < <(awk '$3 == "amd64" { print $1 }' ../../ebpf/kernels.list)
fi
qemu=$(./install-qemu.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
./initramfs.sh "$work/initramfs" "$traceherd" "$guest"

# Boots kernel $1 with cgroups $2; what the guest said is then in $work/said, the console's in
# $work/console.
boot() {
  local folder
  folder=$(../../ebpf/fetch-kernel.sh "$1")
  : >"$work/said"
  # What a slow machine makes the kernel complain of is none of ours.
  local quiet='quiet nowatchdog no_timer_check rcupdate.rcu_cpu_stall_suppress=1 tsc=unstable'
  # Without cmpxchg16b, whose flags qemu 7.2 gets wrong now and then: the kernel falls over it.
  timeout "$patience" "$qemu" -accel tcg,thread=multi -cpu qemu64,-cx16 -smp 2 -m 1024 -nographic -no-reboot -nodefaults \
    -serial "file:$work/console" -serial "file:$work/said" \
    -kernel "$folder/vmlinuz" -initrd "$work/initramfs" \
    -append "console=ttyS0 panic=-1 $quiet cgroups=$2" </dev/null >&2 || true
}

# What the guest says of $1.
said() { awk -F '\t' -v word="$1" '$1 == word { print $2 }' "$work/said" | tr -d '\r'; }

failed=0
for kernel in "${kernels[@]}"; do
  for cgroups in v1 v2; do
    SECONDS=0
    boot "$kernel" "$cgroups"
    outcome=passed
    if [ "$(said ENDED)" != 0 ]; then
      outcome=FAILED
      failed=1
    fi
    printf '%s: Linux %s, cgroup %s: %s in %s s\n' "$kernel" "$(said RELEASE)" "$cgroups" "$outcome" "$SECONDS"
    tr -d '\r' <"$work/said" | awk -F '\t' '$1 == "CHECK" { printf "    %-16s %-8s %s\n", $2, $3, $4 }'
    if [ $outcome = FAILED ]; then
      tr -d '\r' <"$work/said" | grep -v -e ^CHECK -e ^RELEASE || true
      echo "    the end of its console:"
      tail -n 30 "$work/console" | tr -d '\r'
    fi
  done
done
exit $failed
