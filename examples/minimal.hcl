# The smallest rule file that is of use: where the mail goes, how, and one rule.
mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = file("gmail.secret") # an app password; chmod o= gmail.secret
}

mail "ops" {
  to = ["alice@gmail.com"]
}

check "system" "web-1" {
  rule "cpu" {
    when = cpu.percent > 90
    for  = "5m"
  }
}

hook "boot" {}     # the machine came up: cleanly or not, and why
hook "shutdown" {} # it goes down
hook "unit" {}     # a systemd unit failed
