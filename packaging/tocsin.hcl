# Tocsin's rule file: what is watched, when that is an alert, and who hears of it.
# tocsin.hcl(5) describes the language; /usr/share/doc/tocsin/examples has more to
# copy. Every *.hcl file in this directory counts, as if they were one.
#
# Nothing is set here yet, and still the machine is watched: by the built-in checks
# below. What they notice waits in the queue ("tocsin status", "tocsin events") until
# there is a mail server and somebody to mail. This asks for both, and sends a first
# mail:
#
#      tocsin init
#
# It writes mail.hcl beside this file. By hand it is these blocks, without the first
# "#" of each line and with your own addresses; "tocsin providers" lists the mail
# providers that need no more than this, and those that need a host. The password (for
# Gmail an app password) goes into a file that root alone can read, from which the
# service manager hands it to the agent:
#
#      install -m 0600 /dev/stdin /etc/tocsin/smtp.secret
#      tocsin validate && systemctl restart tocsin

#mailserver "gmail" {
#  provider = "gmail"
#  username = "alice@gmail.com"
#  password = credential("smtp")
#}

#mail "ops" {
#  to = ["alice@gmail.com"]
#}

# To change what is watched, make a file of your own of what stands below and edit it.
# From then on it alone counts; "systemctl reload tocsin" has the agent read it.
#
#      tocsin defaults >/etc/tocsin/checks.hcl

# ---- What is in force, as "tocsin defaults" prints it ----
## What Tocsin watches when the rule file has no check block. To change it, keep it
## as a file of your own beside the one that says who gets mail, and edit that:
##
##   tocsin defaults >/etc/tocsin/checks.hcl
##   tocsin validate && systemctl reload tocsin
##
## From then on your file is all that counts: these defaults are in force only as
## long as there is no check block at all. Without any of them, also of the hooks
## below: agent { defaults = false }. "tocsin metrics" lists all that can be watched.
#
## A check is one watched thing. Its kind is "system", and "machine" is the name that
## the mails show. Only what its rules ask for is read, every 30 seconds unless the
## check has an interval of its own.
#check "system" "machine" {
#  # A rule fails when its condition holds, and here not before it has held for a
#  # quarter of an hour without a break. It recovers when "clear" holds: 80, not 95,
#  # so that a value which plays around the limit is one failure and not fifty.
#  #
#  # Severities: "critical" is worth getting up for at night, "warning" (unless
#  # something else is said) can wait for the morning, "info" is good to know.
#  #
#  # "evidence" is what the mail shows of that moment: here who used the processors.
#  rule "cpu" {
#    when     = cpu.percent > 95
#    clear    = cpu.percent < 80
#    for      = "15m"
#    evidence = ["top_cpu"]
#  }
#
#  # Tasks that run or wait, for each processor. A busy machine has 1; at 4 everything
#  # takes several times as long.
#  rule "load" {
#    when     = load.avg15_per_core > 4
#    clear    = load.avg15_per_core < 2
#    for      = "10m"
#    evidence = ["top_cpu"]
#  }
#
#  # On a virtual machine: the host gives the processor time to others.
#  rule "steal" {
#    when  = cpu.steal > 30
#    clear = cpu.steal < 15
#    for   = "30m"
#  }
#
#  # Used means that it is no cache and cannot be given back.
#  rule "memory" {
#    when     = memory.percent > 95
#    clear    = memory.percent < 90
#    for      = "10m"
#    evidence = ["top_memory"]
#  }
#
#  # Full swap space alone is harmless: it may be full of what nobody needs. Units are
#  # constants to multiply with.
#  rule "swap" {
#    when     = swap.total > 0 && swap.free < 0.1 * swap.total && memory.percent > 90
#    clear    = memory.percent < 85 || swap.free > 0.2 * swap.total
#    for      = "10m"
#    evidence = ["top_memory"]
#  }
#
#  rule "swapping" {
#    when     = swap.in_bytes_per_second > 4 * MiB && swap.out_bytes_per_second > 4 * MiB
#    for      = "5m"
#    message  = "$HOST moves memory to and from its swap space all the time: it needs more than it has"
#    evidence = ["top_memory"]
#  }
#
#  rule "open-files" {
#    when     = fds.percent > 90
#    clear    = fds.percent < 80
#    for      = "2m"
#    severity = "critical"
#  }
#}
#
## How long tasks wait for memory or for a disk, in percent of the time. Where the
## kernel does not count this (Linux before 4.20, or without psi=1), the default
## is without this check.
#check "system" "pressure" {
#  rule "memory" {
#    when     = pressure.memory.full.avg60 > 25
#    clear    = pressure.memory.full.avg60 < 5
#    for      = "3m"
#    severity = "critical"
#    message  = "$HOST hardly gets on for want of memory: $VALUE of the time all its tasks wait for it"
#    evidence = ["top_memory"]
#  }
#
#  # Nights have backups, so this takes half an hour.
#  rule "disk" {
#    when  = pressure.io.full.avg300 > 80
#    clear = pressure.io.full.avg300 < 50
#    for   = "30m"
#  }
#}
#
## One check that stands for many: "*" is every file system on a disk of this machine,
## also those that are mounted later, each with a state of its own. Mails call them
## disk:/, disk:/srv and so on. Those of sticks and of containers are left out.
#check "filesystem" "disk" {
#  mounts   = "*"
#  except   = ["/media/**", "/run/media/**", "/var/lib/docker/**", "/var/lib/containers/**", "/var/lib/kubelet/**"]
#  interval = "1m"
#
#  # 90 % of a large disk is no news while there is room for days, nor is an image
#  # that is mounted read-only and has always been full.
#  rule "space" {
#    when     = space.percent > 90 && space.free < 20 * GiB && !readonly
#    clear    = space.percent < 87 || space.free > 25 * GiB
#    for      = "5m"
#    evidence = ["disk"]
#  }
#
#  rule "full" {
#    when     = space.percent > 97 && space.free < 5 * GiB && !readonly
#    clear    = space.percent < 95 || space.free > 8 * GiB
#    for      = "2m"
#    severity = "critical"
#    evidence = ["disk"]
#  }
#
#  # time_to looks at the last hour: at that rate it is full in two.
#  rule "filling" {
#    when     = space.percent > 80 && time_to(space.percent, 100, "1h") < 2 * hour
#    for      = "10m"
#    evidence = ["disk"]
#  }
#
#  # Some file systems have a fixed number of files. Those without have a total of 0.
#  rule "inodes" {
#    when  = inodes.free < 0.1 * inodes.total && inodes.total > 0 && !readonly
#    clear = inodes.free > 0.15 * inodes.total
#    for   = "5m"
#  }
#
#  # What is mounted read-only on purpose is left alone: each change is told once. The
#  # kernel makes a file system read-only when it finds an error on it.
#  rule "read-only" {
#    when     = changed(readonly) && readonly
#    severity = "critical"
#    message  = "$SERVICE has become read-only on $HOST: look at its disk and at the kernel's log"
#  }
#}
#
## What the machine itself does. These are in force only when the rule file has no
## hook block of its own.
#hook "boot" {}     # it came up: cleanly or not, and why
#hook "shutdown" {} # it goes down
#hook "unit" {}     # a systemd unit failed, and is well again
