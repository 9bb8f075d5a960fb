# A shop: a web server on an application on a database on a file system. One dead
# file system makes one mail, not four; "tocsin restart db" takes what stands on
# the database along, and "tocsin stop -g shop" stops all of it in order.

mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = file("/etc/tocsin/gmail.secret")
}

mail "ops" {
  to = ["ops@example.com"]
}

check "filesystem" "data" {
  path = "/srv/shop"

  rule "gone" {
    when     = !exists
    severity = "critical"
  }
  rule "space" {
    when  = space.percent > 90 # a warning: it holds no critical failure
    clear = space.percent < 85
  }
}

check "process" "db" {
  pidfile    = "/run/shop/db.pid"
  groups     = ["shop"]
  depends_on = [filesystem.data]
  start      = ["systemctl", "start", "shop-db"]
  stop       = ["systemctl", "stop", "shop-db"]

  rule "down" {
    when     = !exists
    severity = "critical"
    do       = "restart"
  }
}

check "unit" "app" {
  unit       = "shop-app.service"
  groups     = ["shop"]
  depends_on = [process.db]

  rule "down" {
    when     = !active
    for      = "10s"
    severity = "critical"
    do       = "restart"
  }
}

check "host" "web" {
  address    = "localhost"
  port       = 443
  depends_on = [unit.app]

  rule "down" {
    when     = !reachable
    for      = "1m"
    severity = "critical"
  }
}
