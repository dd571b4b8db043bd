# shellcheck shell=bash
# Sourced by scripts: how a build directory is made.

# build_setup DIR OPTION... - configures DIR with meson. Done anew only when DIR has
# other options than these; ninja itself notices changed meson.build files.
build_setup() {
    local dir=$1 root stamp wanted
    shift
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    stamp=$dir/configured-as
    wanted="CC=${CC:-} $*"
    if [ -f "$dir/build.ninja" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if [ -d "$dir/meson-private" ]; then
        meson setup --wipe "$dir" "$root" "$@"
    else
        meson setup "$dir" "$root" "$@"
    fi
    echo "$wanted" >"$stamp"
}
