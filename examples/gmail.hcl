# Alerts through a Gmail account.
#
# Google takes no account password here. Turn on 2-Step Verification, make an
# app password at https://myaccount.google.com/apppasswords, and keep it where
# only Tocsin can read it:
#
#   install -m 0640 -g tocsin /dev/stdin /etc/tocsin/gmail.secret
#
# The preset knows the server, TLS and what Gmail allows: 500 recipients in 24
# hours, of which Tocsin uses 450. What does not fit waits and is put together
# into one mail; nothing is lost.
mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = file("/etc/tocsin/gmail.secret")

  limit {
    recipients_per_day = 100 # a limit of a preset may only be made smaller
  }
}

mail "ops" {
  from = "Tocsin <alice@gmail.com>" # Gmail sends as the account whatever stands here
  to   = ["alice@gmail.com"]
}

# People who are woken up only when it matters.
mail "night" {
  to = ["Bob <bob@example.com>"]
}

route {
  when     = event.severity == "critical"
  notify   = [mail.ops, mail.night]
  reminder = "1h"
}

route {
  notify = [mail.ops]
  group  = "5m"
}

check "filesystem" "root" {
  path     = "/"
  interval = "1m"
  rule "full" {
    when     = space.percent > 95
    clear    = space.percent < 90
    severity = "critical"
  }
  rule "filling" {
    when = time_to(space.percent, 100, "6h") < 12 * hour
    for  = "15m"
  }
}

check "process" "sshd" {
  pidfile = "/run/sshd.pid"
  rule "down" {
    when     = !exists
    for      = "1m"
    severity = "critical"
  }
}
