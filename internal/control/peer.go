package control

import (
	"context"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peer is who is at the other end of a connection.
type peer struct {
	uid    int
	groups []int
}

// peerKey is where withPeer keeps the peer of a connection.
type peerKey struct{}

// withPeer asks the kernel who is at the other end (SO_PEERCRED and
// SO_PEERGROUPS, unix(7)).
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if g, ok := conn.(*guest); ok {
		ctx, conn = context.WithValue(ctx, guestKey{}, g), g.Conn
	}
	known := false
	var p peer
	withCredentials(conn, func(fd uintptr, cred *unix.Ucred) {
		known = true
		p = peer{uid: int(cred.Uid), groups: append(peerGroups(fd), int(cred.Gid))}
	})
	if !known {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// withCredentials calls f with who is at the other end, if the kernel knows.
func withCredentials(conn net.Conn, f func(fd uintptr, cred *unix.Ucred)) {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			f(fd, cred)
		}
	})
}

// credentials are those of who is at the other end: of a listener's, of whoever
// made it one. They are zero when the kernel does not know.
func credentials(conn net.Conn) unix.Ucred {
	var who unix.Ucred
	withCredentials(conn, func(_ uintptr, cred *unix.Ucred) { who = *cred })
	return who
}

// permitted says whether a peer may change something: root, the agent's own
// user, and whom the administrator has put into the agent's group. That of an
// agent that runs as root is root's.
func permitted(ctx context.Context) bool {
	p, ok := ctx.Value(peerKey{}).(peer)
	return ok && (p.uid == 0 || p.uid == os.Geteuid() || slices.Contains(p.groups, os.Getegid()))
}

// from is the request with who asks, for people.
func (r Request) from(ctx context.Context) Request {
	r.by = "somebody"
	if p, ok := ctx.Value(peerKey{}).(peer); ok {
		r.by = "user " + strconv.Itoa(p.uid)
		if u, err := user.LookupId(strconv.Itoa(p.uid)); err == nil {
			r.by = u.Username
		}
	}
	return r
}

// peerGroupsOption is SO_PEERGROUPS of asm-generic/socket.h, which x/sys/unix
// does not have.
const peerGroupsOption = 59

// maxGroups is NGROUPS_MAX of limits.h.
const maxGroups = 65536

// peerGroups are the supplementary groups of whoever is at the other end, none
// when the kernel does not say (Linux 4.13).
func peerGroups(fd uintptr) []int {
	for room := 64; room <= maxGroups; room *= 32 {
		ids := make([]uint32, room)
		size := uint32(4 * room)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, peerGroupsOption,
			uintptr(unsafe.Pointer(&ids[0])), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // getsockopt(2) fills them
		if errno == unix.ERANGE {
			continue
		}
		if errno != 0 {
			return nil
		}
		groups := make([]int, 0, size/4)
		for _, id := range ids[:size/4] {
			groups = append(groups, int(id))
		}
		return groups
	}
	return nil
}
