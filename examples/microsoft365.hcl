# Alerts through a Microsoft 365 mailbox, without a password.
#
# Microsoft turns logins with a password off by default at the end of December
# 2026. In their place comes an application that may send as one mailbox:
#
#   1. Entra admin center, App registrations: a new one. Its "Application
#      (client) ID" and the "Directory (tenant) ID" go below.
#   2. API permissions, APIs my organization uses, Office 365 Exchange Online,
#      Application permissions: SMTP.SendAsApp. Grant admin consent.
#   3. Certificates & secrets: a client secret. Keep its value:
#        install -m 0640 -g tocsin /dev/stdin /etc/tocsin/microsoft.secret
#      It expires; Tocsin then says so.
#   4. Exchange Online PowerShell, with the "Object ID" of the enterprise
#      application (not of the registration):
#        New-ServicePrincipal -AppId CLIENT_ID -ObjectId OBJECT_ID
#        Add-MailboxPermission -Identity alerts@contoso.example -User OBJECT_ID -AccessRights FullAccess
#        Set-CASMailbox -Identity alerts@contoso.example -SmtpClientAuthenticationDisabled $false
#
# "tocsin test-mail" then shows each step. For Gmail, and for a mailbox whose
# user consents, client_id, client_secret and refresh_token are all there is to
# write; the preset knows the rest.
mailserver "microsoft" {
  provider = "microsoft365"
  username = "alerts@contoso.example" # the mailbox

  oauth {
    tenant        = "contoso.example" # or the directory's ID
    client_id     = "11111111-2222-3333-4444-555555555555"
    client_secret = file("/etc/tocsin/microsoft.secret")
  }
}

# The second choice, for when the first is out of order: Gmail with a consent
# that its user gave once.
mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"

  oauth {
    client_id     = "123456789012-abc.apps.googleusercontent.com"
    client_secret = file("/etc/tocsin/google.secret")
    refresh_token = file("/etc/tocsin/google.refresh")
  }
}

mail "ops" {
  to      = ["ops@contoso.example"]
  servers = [mailserver.microsoft, mailserver.gmail]
}

check "filesystem" "root" {
  path = "/"
  rule "full" {
    when     = space.percent > 95
    severity = "critical"
  }
}
