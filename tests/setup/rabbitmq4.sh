#!/bin/sh
# Unpack Debian 13's RabbitMQ 4 into a folder, beside whatever is installed: rabbitmq4.sh FOLDER
# FOLDER/bin then holds programs that run it in a chroot; with that folder first in PATH, amqptool's private
# nodes are RabbitMQ 4. It takes root: for debootstrap, chroot and the mounts.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
root=$folder/root

[ "$(id -u)" = 0 ] || { echo "RabbitMQ 4 is unpacked and run in a chroot, which takes root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "debootstrap is missing" >&2; exit 1; }

if [ ! -e "$folder/complete" ]; then
    echo "Unpacking Debian 13's rabbitmq-server into $folder ..." >&2
    # The mirror that this system itself uses, in whichever of apt's two formats.
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb \(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' | grep '/debian/*$' | head -n 1)
    rm -rf "$root"
    debootstrap --variant=minbase --include=rabbitmq-server trixie "$root" "${mirror:?no Debian mirror in apt}" \
        >"$folder/log" 2>&1 || { tail -n 5 "$folder/log" >&2; exit 1; }
    touch "$folder/complete"
fi

mkdir -p "$folder/bin"
for program in rabbitmq-server:/usr/lib/rabbitmq/bin/rabbitmq-server rabbitmqctl:/usr/lib/rabbitmq/bin/rabbitmqctl \
    epmd:/usr/bin/epmd; do
    # HOME is the node's directory (amqptool/broker/local/native.py): all that the node sees of this machine.
    # The mounts are this process's own, so they vanish with it. An ordinary user is root in a namespace of its own.
    cat >"$folder/bin/${program%%:*}" <<WRAPPER
#!/bin/sh
[ "\$(id -u)" = 0 ] || namespaces="--user --map-root-user"
exec unshare --mount \$namespaces sh -c '
    mkdir -p "$root\$HOME"
    mount --bind "\$HOME" "$root\$HOME"
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" "\$@"' sh ${program#*:} "\$@"
WRAPPER
    chmod +x "$folder/bin/${program%%:*}"
done
