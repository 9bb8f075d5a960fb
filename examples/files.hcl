# Files, directories and pipes. A change is noticed at once (inotify), also
# between the readings of an interval; what is missed costs one interval.
mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = credential("gmail")
}

mail "ops" {
  to = ["ops@example.com"]
}

# A backup that is there, fresh and not empty, looked at when somebody is awake.
check "file" "backup" {
  path  = "/var/backups/db.sql.gz"
  every = "0 8-18/2 * * mon-fri"
  rule "stale" {
    when = !exists || age > 26 * hour || size < 10 * MiB
  }
}

# Who may read it, and whose it is.
check "file" "shadow" {
  path = "/etc/shadow"
  rule "mode" {
    when     = mode != "0640"
    severity = "critical"
  }
  rule "owner" {
    when     = owner != "root" || group != "shadow"
    severity = "critical"
  }
  rule "links" {
    when = links > 1
  }
}

# A program that nobody should replace. The file is read again only when its
# size or times have changed.
check "file" "sudo" {
  path = "/usr/bin/sudo"
  rule "checksum" {
    when     = checksum.sha256 != "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    severity = "critical"
  }
}

# Lines that are appended to a log, also over its rotation.
check "file" "app" {
  path    = "/var/log/app.log"
  content = "(?i)error|panic:"
  ignore  = "connection reset by peer"
  rule "errors" {
    when = content.matches > 0
  }
  rule "huge" {
    when = size > 2 * GiB
  }
  rule "silent" {
    when = mtime.age > 1 * hour
  }
}

# What waits in a directory, and for how long.
check "directory" "spool" {
  path = "/var/spool/orders"
  rule "stuck" {
    when = entries > 1000 || oldest.age > 15 * minute
  }
  rule "idle" {
    when = newest.age > 2 * hour
  }
}

# Which release a link leads to.
check "directory" "release" {
  path = "/srv/app/current"
  rule "release" {
    when = !symlink || target != "/srv/app/releases/42"
  }
}

check "fifo" "control" {
  path = "/run/app/control"
  rule "gone" {
    when = !exists || type != "fifo" || mode != "0600"
  }
}
