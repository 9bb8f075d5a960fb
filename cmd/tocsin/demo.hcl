# What `tocsin demo` runs on. A rule file like this one, with your own account
# and address, is all that a server needs.
agent {
  host     = "demo.example.com"
  interval = "1s"
}

mailserver "embedded" {
  host        = "127.0.0.1"
  port        = env("TOCSIN_DEMO_PORT")
  tls         = "implicit"
  fingerprint = env("TOCSIN_DEMO_FINGERPRINT")
  username    = "demo@example.com"
  password    = env("TOCSIN_DEMO_PASSWORD")
  limit {
    recipients_per_day = 500
  }
}

mail "you" {
  from = "Tocsin <demo@example.com>"
  to   = ["you@example.com"]
}

check "process" "worker" {
  pidfile = env("TOCSIN_DEMO_PIDFILE")
  rule "down" {
    when     = !exists
    severity = "critical"
  }
}
