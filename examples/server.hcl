# A complete rule file, as a person would keep it in /etc/tocsin/tocsin.hcl.
agent {
  host     = "web-1.example.com" # $HOST; default: the FQDN
  interval = "30s"               # default for every check
  timeout  = "10s"
}

mailserver "gmail" {
  provider = "gmail" # presets host, port, TLS, limits, reply quirks and hints
  username = "alice@gmail.com"
  password = credential("gmail") # or file("/etc/tocsin/gmail.secret"), env("SMTP_PASSWORD")
}

mailserver "relay" { # tried when gmail cannot take it
  host     = "relay.example.com"
  port     = 465
  tls      = "implicit" # implicit | starttls | none
  username = "web-1"
  password = file("relay.secret") # relative to this file
  limit {                         # may only tighten a preset
    recipients_per_day     = 300
    messages_per_minute    = 10
    recipients_per_message = 50
  }
}

mail "ops" {                            # a notifier, referred to as mail.ops
  from     = "Tocsin <alice@gmail.com>" # default: the account's own address
  to       = ["ops@example.com", "Bob Müller <bob@example.com>"]
  template = template.monit                       # default: the built-in one
  servers  = [mailserver.gmail, mailserver.relay] # default: all, in the order of the file
}

template "monit" {
  subject = "$SERVICE $EVENT at $DATE on $HOST"
  text    = <<-EOT
    Tocsin $ACTION $SERVICE $EVENT at $DATE on $HOST: $DESCRIPTION

    Yours sincerely,
    Tocsin
  EOT
}

route { # first match wins; without any route every event goes to every notifier
  when     = event.severity == "critical"
  notify   = [mail.ops]
  reminder = "4h"
}

route {
  notify = [mail.ops]
  group  = "2m" # what happens within two minutes is one mail
}

check "system" "web-1" {
  rule "cpu" {
    when     = cpu.percent > 90
    clear    = cpu.percent < 70
    for      = "5m"
    severity = "critical"
  }
  rule "memory" {
    when  = memory.percent > 90 || memory.available < 512 * MiB
    clear = memory.percent < 80
    for   = "3m"
  }
  rule "load" {
    when = load.avg5 / cpu.count > 1.5
    for  = "10m"
  }
  rule "swap" {
    when = swap.percent > 20
  }
}

check "filesystem" "root" {
  path     = "/"
  interval = "1m"
  rule "space" {
    when     = space.percent > 95 && space.free < 5 * GiB
    severity = "critical"
  }
  rule "filling" {
    when = time_to(space.percent, 100, "6h") < 4 * hour
    for  = "15m"
  }
  rule "inodes" {
    when = inodes.percent > 90
  }
}

check "process" "nginx" {
  pidfile = "/run/nginx.pid" # or match = "regex"
  restart = ["systemctl", "restart", "nginx"]
  rule "down" {
    when     = !exists
    severity = "critical"
    do       = "restart"
  }
  rule "memory" {
    when   = memory.rss > 800 * MiB
    times  = 3
    within = "5m"
  }
}

check "file" "backup" {
  path = "/var/backups/db.sql.gz"
  rule "stale" {
    when = !exists || age > 26 * hour || size < 10 * MiB
  }
}

check "program" "raid" {
  path      = "/usr/lib/nagios/plugins/check_raid"
  arguments = "-w 1"
  timeout   = "20s"
  rule "status" {
    when = exit != 0
  }
}

# Whose mail cron, mdadm and smartd send through tocsin sendmail: see
# docs/sendmail.md.
aliases {
  root    = ["ops@example.com"]
  default = ["root"] # every other local name
}

# The machine itself: once per boot, once per shutdown, and failed units.
hook "boot" {}

hook "shutdown" {
  wait = "5s" # how long a mail may hold the machine up
}

hook "unit" {
  except = ["motd-news.service"]
}
