package checks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Alert waits for a change of the interface that the last reading found: its
// link, its name, its end (rtnetlink(7), RTMGRP_LINK). Counters are no change.
func (r *networkReader) Alert() func(ctx context.Context) error {
	if r.index == 0 || r.host.Sys != "" {
		return nil
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		_ = unix.Close(fd) // nothing was read from it
		return nil
	}
	file, index := os.NewFile(uintptr(fd), "rtnetlink"), r.index
	return func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = file.Close() })
		defer stop()
		defer func() { _ = file.Close() }() // that it is closed already is fine
		buf := make([]byte, 32<<10)
		for {
			n, err := file.Read(buf)
			switch {
			case errors.Is(err, unix.ENOBUFS): // some were lost
				return nil
			case err != nil:
				return fmt.Errorf("wait for a link: %w", errors.Join(ctx.Err(), err))
			case concerns(buf[:n], index):
				return nil
			}
		}
	}
}

// concerns says whether one of the messages is about the link with an index:
// struct nlmsghdr (netlink(7)) and struct ifinfomsg (rtnetlink(7)).
func concerns(data []byte, index int) bool {
	const header, atIndex = 16, 4
	for len(data) >= header {
		length := int(binary.NativeEndian.Uint32(data))
		kind := binary.NativeEndian.Uint16(data[4:])
		if length < header || length > len(data) {
			return false
		}
		body := data[header:length]
		if (kind == unix.RTM_NEWLINK || kind == unix.RTM_DELLINK) && len(body) >= atIndex+4 &&
			int(int32(binary.NativeEndian.Uint32(body[atIndex:]))) == index { //nolint:gosec // an int in C
			return true
		}
		data = data[min(len(data), (length+3)&^3):]
	}
	return false
}
