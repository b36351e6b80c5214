#!/bin/bash
# Process 1 of the node: makes the machine that the parts see, then starts them, one name a line of $state/starts.
#
#   init.sh STATE    in new mount, network, process, IPC, host name and control group namespaces
#
# It reaps what its parts leave behind, as bash does with every child that ends.
set -euo pipefail
state=$1
address=10.99.0.1

hostname node-1
ip link set lo up
ip address add $address/32 dev lo
# Without it a connection from the node to a Service has no route before its address is translated.
ip route add 10.96.0.0/24 dev lo src $address
echo 1 > /proc/sys/net/ipv4/ip_forward

# The kubelet sets these for the whole machine: it gets files to write to instead.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    name=${setting%=*}
    [ -e "/proc/sys/$name" ] || continue
    mkdir -p "$state/node/sysctl"
    file=$state/node/sysctl/${name//\//.}
    echo "${setting#*=}" > "$file"
    mount --bind "$file" "/proc/sys/$name"
done

# What is written below these stays in the state folder.
for name in etc opt var; do
    mkdir -p "$state/node/upper/$name" "$state/node/work/$name"
    mount -t overlay -o "lowerdir=/$name,upperdir=$state/node/upper/$name,workdir=$state/node/work/$name" overlay "/$name"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 /run/tmp

mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
while read -r controllers; do
    folder=/sys/fs/cgroup/${controllers#name=}
    mkdir "$folder"
    mount -t cgroup -o "${controllers/#name=/none,name=}" cgroup "$folder"
    for name in ${controllers//,/ }; do
        [ -e "/sys/fs/cgroup/${name#name=}" ] || ln -s "${folder##*/}" "/sys/fs/cgroup/$name"
    done
done < "$state/hierarchies"

mkfifo -m 600 "$state/starts"
exec 3<> "$state/starts"
touch "$state/init.up"
set +e
while read -r name <&3; do
    bash "$state/parts/$name" >> "$state/log/$name.log" 2>&1 < /dev/null 3>&- &
    echo $! > "$state/pid/$name"
done
