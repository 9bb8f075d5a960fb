package provider

// Where Google's and Microsoft's access tokens come from; see
// developers.google.com gmail/imap/xoauth2-protocol and learn.microsoft.com
// authenticate-an-imap-pop-smtp-application-using-oauth. Google lets no
// application into a mailbox by itself, only by a user's consent.
var (
	googleOAuth = OAuth{TokenURL: "https://oauth2.googleapis.com/token", Scope: "https://mail.google.com/"} //nolint:gosec // addresses, no secrets

	microsoftOAuth = OAuth{
		TokenURL: "https://login.microsoftonline.com/" + Tenant + "/oauth2/v2.0/token", Tenant: "common",
		Scope: "https://outlook.office.com/SMTP.Send offline_access", AppScope: "https://outlook.office365.com/.default",
	}

	// consumerOAuth is for accounts that are in no directory.
	consumerOAuth = OAuth{ //nolint:gosec // addresses, no secrets
		TokenURL: "https://login.microsoftonline.com/consumers/oauth2/v2.0/token",
		Scope:    "https://outlook.office.com/SMTP.Send offline_access",
	}
)
