package templates

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// ErrAddress is for a text that is not one mailbox that can be mailed to.
var ErrAddress = errors.New("not a mailbox")

// The limits of a mailbox: RFC 5321 4.5.3.1, and our own for the name.
const (
	maxName   = 256
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63
)

// Address takes one mailbox apart: "a@example.com" or "Name <a@example.com>"
// (RFC 5322 3.4). It is stricter than the RFC, so that an address is the same
// thing to everybody who reads it after us: the local part is a dot-atom (a
// quoted one can smuggle ESMTP parameters, CVE-2025-59937), the domain is
// ASCII letters, digits and hyphens or an address literal. An
// internationalized domain is taken only in its ASCII form, xn--…. The error
// wraps ErrAddress.
func Address(text string) (name, addr string, err error) {
	if len(text) > maxName+maxLocal+maxDomain+8 {
		return "", "", fmt.Errorf("%w: longer than %d bytes", ErrAddress, maxName+maxLocal+maxDomain+8)
	}
	if text != visible(text, oneLine) {
		return "", "", fmt.Errorf("%w: %q holds a control character or is not UTF-8", ErrAddress, text)
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil {
		return "", "", fmt.Errorf("%w: %q: %s", ErrAddress, text, strings.TrimPrefix(err.Error(), "mail: "))
	}
	// Groups ("g: a@b;"), comments and whatever else the RFC has are refused:
	// a mailbox is its bare address, or ends with it in angle brackets.
	trimmed := strings.TrimSpace(text)
	if trimmed != parsed.Address && !strings.HasSuffix(trimmed, "<"+parsed.Address+">") {
		return "", "", fmt.Errorf("%w: %q is neither \"a@example.com\" nor \"Name <a@example.com>\"", ErrAddress, text)
	}
	if len(parsed.Name) > maxName || parsed.Name != visible(parsed.Name, oneLine) {
		return "", "", fmt.Errorf("%w: the name in %q is too long or holds a control character", ErrAddress, text)
	}
	if err := checkAddr(parsed.Address); err != nil {
		return "", "", err
	}
	return parsed.Name, parsed.Address, nil
}

func checkAddr(addr string) error {
	at := strings.LastIndexByte(addr, '@')
	local, domain := addr[:at], addr[at+1:]
	if len(local) > maxLocal {
		return fmt.Errorf("%w: %q: more than %d bytes before the @", ErrAddress, addr, maxLocal)
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.Trim(atom, atext) != "" {
			return fmt.Errorf("%w: %q: before the @ only ASCII letters, digits and %s can be used, unquoted",
				ErrAddress, addr, "!#$%&'*+-/=?^_`{|}~ and single dots")
		}
	}
	return checkDomain(domain)
}

const atext = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"

const letterDigitHyphen = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

func checkDomain(domain string) error {
	if literal, ok := strings.CutPrefix(domain, "["); ok {
		literal = strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "IPv6:")
		if ip, err := netip.ParseAddr(literal); err != nil || ip.Zone() != "" {
			return fmt.Errorf("%w: %q is no IP address", ErrAddress, domain)
		}
		return nil
	}
	if strings.ContainsFunc(domain, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return fmt.Errorf("%w: the domain %q must be given in ASCII, as xn--…", ErrAddress, domain)
	}
	if len(domain) > maxDomain {
		return fmt.Errorf("%w: the domain is longer than %d bytes", ErrAddress, maxDomain)
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > maxLabel || strings.Trim(label, letterDigitHyphen) != "" ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%w: %q is no domain name", ErrAddress, domain)
		}
	}
	return nil
}
