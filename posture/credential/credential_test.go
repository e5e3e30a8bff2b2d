package credential

import (
	"strings"
	"testing"
	"time"
)

// made is a value that looks as if a machine had made it. It is none of anybody's.
const made = "q7Zt4Lw9Xc2Vb8Nm1Kd6"

func TestInSetting(t *testing.T) {
	key := "-----BEGIN RSA PRIVATE KEY-----\n" + strings.Repeat("MIIEowIBAAKCAQEAx7Zt4Lw9Xc2Vb8Nm1Kd6", 3) + "\n-----END RSA PRIVATE KEY-----"
	tests := []struct {
		name, value, kind string
		sure              bool
	}{
		{"DB_PASSWORD", "hunter2", "a password", true},
		{"POSTGRES_PASSWORD", "postgres", "a password", true},
		{"MYSQL_ROOT_PASSWORD", "password", "a password", true},
		{"PGPASSWORD", "s3cr3t!", "a password", true},
		{"spring.datasource.password", "tiger", "a password", true},
		{"dbPassword", "tiger", "a password", true},
		{"DB_PASS", "tiger", "a password", true},
		{"MYSQL_PWD", "tiger", "a password", true},
		{"REDIS_PASSWORD_2", "tiger", "a password", true},
		{"ADMIN_PASSWORD", "123456", "a password", true},
		{"ADMIN_PASSWORD", "Pa$$WORD", "a password", true},
		{"ADMIN_PASSWORD", "pa$word", "a password", true},
		{"SECRET", "q7Zt4Lw9Xc2Vb8Nm1Kd6Rf3G", "what looks like a key", false},
		{"WEBHOOK_SECRET", made, "a token or key", true},
		{"API_KEY", made, "a token or key", true},
		{"APIKEY", made, "a token or key", true},
		{"JWT_SECRET", "supersecret", "a token or key", true},
		{"CLIENT_SECRET", "3f2b9c1e-7a4d-4e8b-9c0f-1a2b3c4d5e6f", "a token or key", true},
		{"SECRET_KEY_BASE", strings.Repeat("9f8e7d6c5b4a3210", 8), "a token or key", true},
		{"MINIO_SECRET_KEY", "minio123", "a token or key", true},
		{"MYSQL_ROOT_PASSWORD", "P@ssw0rd", "a password", true},
		{"VAULT_TOKEN", "s.Q7zt4Lw9Xc2Vb8Nm1Kd6", "a token or key", true},
		{"LICENSE_KEY", "q7Zt4Lw9Xc2Vb8Nm1Kd6Rf3G", "what looks like a key", false},
		{"PASSWORD_SALT", "q7Zt4Lw9Xc2Vb8Nm1Kd6Rf3G", "what looks like a key", false},
		{"DATABASE_URL", "postgres://shop:tiger@db:5432/shop", "an address with a password in it", true},
		{"BROKERS", "amqp://guest:guest@mq", "an address with a password in it", true},
		{"MONGO", "mongodb+srv://u:p4ss@a,b/db", "an address with a password in it", true},
		{"X", "AKIAQ7ZT4LW9XC2VB8NM", "an AWS access key", true},
		{"X", "ghp_" + made + made, "a GitHub token", true},
		{"X", "token is glpat-" + made, "a GitLab token", true},
		{"X", "xoxb-1234567890-1234567890-" + made, "a Slack token", true},
		{"X", "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q", "a Google API key", true},
		{"X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + made + made, "a signed token (JWT)", true},
		{"X", key, "a private key", true},
		{"X", strings.ReplaceAll(key, "\n", `\n`), "a private key", true},
		{"CONNECTION", "Server=db;User Id=sa;Password=t1ger!;", "a password", true},
		{"STORAGE", "AccountName=shop;AccountKey=" + made + made + "==;", "a token or key", true},
		{"SPRING_APPLICATION_JSON", `{"spring.datasource.password": "tiger"}`, "a password", true},
		{"JSON_IN_JSON", `{\"password\":\"tiger\"}`, "a password", true},
		{"CONFIG", "db:\n  user: shop\n  password: tiger\n", "a password", true},
		{"JAVA_OPTS", "-Xmx1g -Djavax.net.ssl.keyStorePassword=tiger", "a password", true},
		{"my.cnf", "[client]\nuser = shop\npassword = tiger\n", "a password", true},
		{"app.toml", "user = \"shop\"\npassword = \"tiger\"\n", "a password", true},
		{"app.conf", "user = shop\n\tpassword  =  t1ger\n", "a password", true},
		{"pipeline.conf", "output {\n  http {\n    password => \"tiger\"\n", "a password", true},
		{"grafana.ini", "[security]\nadmin_user = root\nadmin_password = secret\n", "a password", true},
		{"config.php", "<?php\n  'password' => 'tiger',\n", "a password", true},
		{"credentials", "[default]\naws_secret_access_key = " + made + made + "\n", "a token or key", true},
		{"users.yaml", "users:\n- password: tiger\n  name: shop\n", "a password", true},
		{"users.yaml", "\tpassword: tiger  # of the shop, for now\n", "a password", true},
		{"users.yaml", "passphrase: open sesame\n", "a password", true},
		{"users.xml", "<users><shop><password>tiger</password></shop></users>", "a password", true},
		{"init.sql", "CREATE USER shop WITH PASSWORD 'tiger';", "a password", true},
		{"init.sql", "ALTER USER 'root'@'localhost' IDENTIFIED BY 'tiger';", "a password", true},
		{"redis.conf", "port 6379\nrequirepass tiger\n", "a password", true},
		{"CONNECTION", "Server=tcp:db,1433;Uid=sa;Pwd=t1ger!;", "a password", true},
		{"DSN", "shop:tiger@tcp(db:3306)/shop?parseTime=true", "an address with a password in it", true},
		{"HOOK", "https://hooks.slack.com/services/T0ABCDEFG/B0ABCDEFG/" + made + "abcd", "an address that works as a key", true},
		{"BOT_TOKEN", "123456789:AAH" + made + made[:12], "a token or key", true},
		{"DJANGO_SECRET_KEY", "django-insecure-" + "#" + made + "@" + made, "a token or key", true},
		{"X", "hf_" + strings.Repeat("aBcDeFgH", 4) + "zz", "a Hugging Face token", true},
		{"X", "AGE-SECRET-KEY-1" + strings.Repeat("Q7ZT4LW9", 7) + "XC", "a private key", true},
		{"X", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" + made + made + made, "a private key", true},
		{"HEADER", "Bearer " + made, "a token or key", true},
		{"HEADER", "Basic c2hvcDp0aWdlcg==", "a user and a password", true},
		{"DOCKER_AUTH_CONFIG", `{"auths":{"registry.example":{"auth":"c2hvcDp0aWdlcg=="}}}`, "a user and a password", true},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value[:min(len(tt.value), 20)], func(t *testing.T) {
			got, ok := InSetting(tt.name, tt.value)
			if want := (Found{tt.kind, tt.sure}); !ok || got != want {
				t.Errorf("got %+v, %v; want %+v", got, ok, want)
			}
		})
	}
}

// TestFalseAlarms holds what settings of real programs look like that are no
// credentials.
func TestFalseAlarms(t *testing.T) {
	for _, s := range []string{
		"PASSWORD=", "PASSWORD=changeme", "PASSWORD=ChangeMe123", "PASSWORD=change-me", "DB_PASSWORD=$(DB_PASSWORD_FROM_SECRET)",
		"DB_PASSWORD=${DB_PASSWORD}", "DB_PASSWORD=$DB_PASSWORD", "DB_PASSWORD={{ .Values.password }}", "DB_PASSWORD=<password>", "DB_PASSWORD=xxxxxxxx",
		"DB_PASSWORD=********", "DB_PASSWORD=your-password-here", "DB_PASSWORD=REPLACE_ME", "API_TOKEN=todo-insert-token", "DB_PASSWORD=%DB_PASSWORD%",
		"ALLOW_EMPTY_PASSWORD=yes", "MYSQL_RANDOM_ROOT_PASSWORD=true", "ENABLE_TOKEN=false", "REQUIRE_PASSWORD=1", "SHOW_PASSWORD=off",
		"PASSWORD_FILE=/run/secrets/db", "DB_PASSWORD=/run/secrets/db-password", "TOKEN=/var/run/secrets/kubernetes.io/serviceaccount/token",
		"POSTGRES_PASSWORD_FILE=/etc/pg/pw", "PRIVATE_KEY=./keys/tls.key", "SSL_KEY=/etc/tls/tls.key", "JWT_SECRET=file:///etc/jwt",
		"PASSWORD_SECRET=db-credentials", "CLIENT_SECRET=oauth-client-secret", "DB_PASSWORD=db-password", "PASSWORD=DB_PASSWORD", "CREDENTIALS=aws-credentials",
		"DB_PASSWORD=vault:secret/data/db#password", "API_KEY=arn:aws:secretsmanager:eu-west-1:123456789012:secret:api-AbCdEf", "TOKEN=op://vault/item/token",
		"DB_PASSWORD=ENC(G6N718UuyPE5bHyWKyuLQSm02auQPUtm)", "ADMIN_PASSWORD=$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"PASSWORD_HASH=sha256:1f2e3d4c5b6a79881f2e3d4c5b6a7988", "BASIC_AUTH=admin", "AUTH=oidc", "TOKEN_TTL=3600", "TOKEN=30m", "SESSION_TOKEN=24h", "MAX_TOKENS=4096",
		"PASSWORD_MIN_LENGTH=12", "PASSWORD_POLICY=strong", "PWD=/app", "OLDPWD=/app", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
		"TOKEN_URL=https://login.example.org/oauth/token", "AUTH_URL=https://user@login.example.org", "WEBHOOK=https://hooks.example.org:8443/a@b",
		"DATABASE_URL=postgres://db:5432/shop", "DATABASE_URL=postgres://shop@db/shop", "DATABASE_URL=postgres://shop:$(PASSWORD)@db/shop",
		"DATABASE_URL=postgres://shop:${PASSWORD}@db/shop", "DATABASE_URL=postgres://user:<password>@db/shop", "GIT=ssh://git@example.org:22/shop.git",
		"IMAGE=registry.example:5000/shop/cart:1.4.2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"DOCKER=docker://alpine@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"GIT_COMMIT=9fceb02d0ae598e95dc970b74767f19372d61af8", "VERSION=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"CLUSTER_ID=3f2b9c1e-7a4d-4e8b-9c0f-1a2b3c4d5e6f", "PARTITION_KEY=3f2b9c1e-7a4d-4e8b-9c0f-1a2b3c4d5e6f", "CACHE_KEY=9fceb02d0ae598e95dc970b74767f19372d61af8",
		"TOKEN_CLASS=com.example.auth.TokenProvider", "AUTH_TOKEN=com.example.auth.JwtTokenProvider2", "SERIALIZER_KEY=org.apache.kafka.common.serialization.StringSerializer",
		"PUBLIC_KEY=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx7Zt4Lw9Xc2V", "STRIPE_PUBLISHABLE_KEY=pk_live_q7Zt4Lw9Xc2Vb8Nm1Kd6", "SITE_KEY=6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ",
		"TOPOLOGY_KEY=topology.kubernetes.io/zone", "LABEL_KEY=app.kubernetes.io/name", "SORT_KEY=created_at", "KEY=q7Zt4Lw9Xc2Vb8Nm1Kd6Rf3G", "ACCESS_KEY_ID=my-user-1",
		"SECRET_NAME=db", "TLS_SECRET=shop-tls", "IMAGE_PULL_SECRET=registry-1", "XSRF_TOKEN=X-XSRF-TOKEN", "CSRF_TOKEN=csrfmiddlewaretoken", "SECRET=secrets", "TOKEN=v1.2.3",
		"CERT=-----BEGIN CERTIFICATE-----\nMIIEowIBAAKCAQEAx7Zt4Lw9Xc2Vb8Nm1Kd6MIIEowIBAAKCAQEA\n-----END CERTIFICATE-----",
		"TEMPLATE=-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "COMPASS=north", "BYPASS=localhost",
		"GREETING=Please enter your password: we will not store it", "LOG=level=info,format=json", "QUERY=token_type=bearer&scope=openid", "NOTE=eyJ is how JSON begins",
		"DB_PASSWORD={the password}", "DB_PASSWORD=__DB_PASSWORD__", "DB_PASSWORD=@db.password@", "API_TOKEN=%s", "CLIENT_SECRET=${CLIENT_SECRET}",
		"SONAR_PROJECT_KEY=testapp", "ON_PREM_LABEL_KEY=eks.amazonaws.com/compute-type", "SSH_DEFAULT_KEY=/opt/ssh/id_rsa", "REQUEST_TRACE_KEY=test-trace-id",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=local", "SPM_TOKEN=YOUR_SPM_DOCKER_TOKEN", "OPENAI_API_KEY=your-openai-api-key", "TLS_KEY=/etc/tls/tls.key",
		"IMAGE_PULL_SECRET=regsecret", "imagePullSecret=regcred12", "TLS_SECRET=mysecret", "REGISTRY_SECRET=gitlabsecret", "CERT_SECRET=webhook1cert2", "SECRET=appsecret1",
		"MAX_PASS=100000", "FIRST_PASS=full", "TEST_PASS=all-tests", "INITIAL_PWD=/srv", "PROJECT_PWD=src", "CSRF_TOKEN=abc12345", "PAGE_TOKEN=Next2Page3",
		"MAX_TOKEN=4096tokens", "EOS_TOKEN=gpt2tokenizer1", "DB_PASSWORD=:password", "DB_PASSWORD=@/run/secrets/db", "DB_PASSWORD=x$DB_PASS",
		"htpasswd=shop:$apr1$q7Zt4Lw9$Xc2Vb8Nm1Kd6", "passwd=root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh", "PHP=define('X', $password);",
		"app.py=password = os.environ['X']", "app.py=password = args.pw2", "app.py=password = user_input", "app.py=password = get_password()", "app.py=if password == 'tiger':",
		"app.py=token = response2.json()[\"access1token2\"]", "test.sh=if [ \"$PASSWORD\" = \"tiger\" ]; then", "app.ini=[db]\npassword =\n", "app.ini=[db]\npassword = # none\n",
		"app.ini=[db]\npassword = ${DB_PASSWORD}\n", "app.ini=[db]\npassword = %(db_password)s\n", "app.ts=interface A {\n  password: string;\n}", "values.yaml=password: !vault x1y2",
		"users.xml=<password></password>", "users.xml=<password>${PASSWORD}</password>", "users.xml=<passwordPolicy>strong</passwordPolicy>", "page.html=<b>password</b>", "NOTE=a > b",
		"X=cd /srv;PWD=/srv/a", "HEADER=Bearer $TOKEN", "HEADER=Basic realm", "HEADER=Bearer token", "AUTH=c2hvcC10aWdlcg==", "MAIL=a:b@c", "DSN=shop@tcp(db:3306)/shop", "DSN=shop:$PW@tcp(db:3306)/x",
		"HOOK=https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXXXXXXXXXX", "app.js=  errors.password = 'Password is wrong';\n  errors.password = 'short';", "rules.php='password' => 'required|min:8',", "app.py=password = 'Type it:  '", "init.sql=CREATE USER shop WITH PASSWORD '$PASSWORD';", "init.sql=ALTER USER shop IDENTIFIED BY '';", "NOTE=sign in with password 'changeme'", "redis.conf=# requirepass foobared", "README.md=- password: the password of the user\n- token: none", "README.md=password: Password for the database.", "redis.conf=requirepass $PASSWORD", "TIME_TOKEN=12345:67890",
		"SED=s/-----BEGIN PRIVATE KEY-----//", "MONKEY=banana1banana2banana3banana4", "TURKEY=abcDEF123456abcDEF1234567890",
	} {
		name, value, _ := strings.Cut(s, "=")
		if f, ok := InSetting(name, value); ok {
			t.Errorf("%s: a false alarm (%s)", s, f.Kind)
		}
	}
}

func TestInArguments(t *testing.T) {
	tests := []struct {
		name string
		args []string
		at   []int
	}{
		{"one word", []string{"--user=shop", "--password=tiger"}, []int{1}},
		{"two words", []string{"--password", "tiger", "--verbose"}, []int{1}},
		{"one dash", []string{"-password", "tiger"}, []int{1}},
		{"a script", []string{"sh", "-c", "export DB_PASSWORD='tiger'; exec app"}, []int{2}},
		{"a flag in a script", []string{"sh", "-c", "exec app --token " + made + " --verbose"}, []int{2}},
		{"curl", []string{"sh", "-c", "curl -u shop:tiger http://api"}, []int{2}},
		{"bearer", []string{"curl", "-H", "Authorization: Bearer " + made}, []int{2}},
		{"two of them", []string{"--password=tiger", "x", "--api-key=" + made}, []int{0, 2}},
		{"an address", []string{"--db", "postgres://shop:tiger@db/shop"}, []int{1}},
		{"a file", []string{"--password-file", "/etc/password", "--token-file=/var/run/token"}, nil},
		{"a variable", []string{"--password=$(DB_PASSWORD)", "--token", "$TOKEN", "--secret", "${SECRET}"}, nil},
		{"another flag follows", []string{"--password", "--verbose"}, nil},
		{"users of a command", []string{"setpriv", "-u", "1000:1000", "--user", "app:app"}, nil},
		{"numbers for curl", []string{"curl", "-u", "1000:1000"}, nil},
		{"a script that asks", []string{"sh", "-c", `read -s PASSWORD; app --password "$PASSWORD"`}, nil},
		{"one that makes one", []string{"sh", "-c", `TOKEN=$(cat /token); PASSWORD="$(openssl rand -hex 8)" app`}, nil},
		{"what names a Secret", []string{"--tls-secret=mysecret", "--image-pull-secret", "regcred12", "--secret", "mysecret1", "--pullsecret=regcred12"}, nil},
		{"a pattern for sed", []string{"sh", "-c", `sed -i 's/password=.*/password='"$DB_PASS"'/' /etc/app.conf`}, nil},
		{"a pattern for awk", []string{"sh", "-c", `awk -F= '/password=/{print $2}' /etc/app.conf`}, nil},
		{"a program that asks its environment", []string{"python", "-c", `connect(password=os.environ["PASSWORD"], token=os.getenv("TOKEN"))`}, nil},
		{"a file for a command", []string{"sh", "-c", "vault write db password=@/tmp/password"}, nil},
		{"a place in SQL", []string{"sh", "-c", "psql -c 'ALTER USER shop SET password=:password'"}, nil},
		{"mysqladmin", []string{"mysqladmin", "ping", "-ptiger"}, []int{2}},
		{"mysql in a script", []string{"sh", "-c", "/usr/bin/mysql -uroot -p'tiger' -e 'select 1'"}, []int{2}},
		{"redis-cli", []string{"redis-cli", "-a", "tiger", "ping"}, []int{2}},
		{"redis-server", []string{"redis-server", "--requirepass", "tiger"}, []int{2}},
		{"sshpass", []string{"sshpass", "-p", "tiger", "ssh", "x"}, []int{2}},
		{"mongosh", []string{"mongosh", "-u", "root", "-p", "tiger"}, []int{4}},
		{"ldapsearch", []string{"sh", "-c", "ldapsearch -x -D cn=admin -w tiger"}, []int{2}},
		{"curl's flags in one", []string{"sh", "-c", "curl -su shop:tiger http://api"}, []int{2}},
		{"curl's user in one word", []string{"curl", "--user=shop:tiger", "http://api"}, []int{1}},
		{"curl's user right behind", []string{"curl", "-ushop:tiger", "http://api"}, []int{1}},
		{"basic", []string{"curl", "-H", "Authorization: Basic c2hvcDp0aWdlcg=="}, []int{2}},
		{"a variable for mysql", []string{"sh", "-c", `mysql -uroot -p"$MYSQL_ROOT_PASSWORD" -P3306 --port 1 && redis-cli -a "$REDIS_PASSWORD" -p 6379`}, nil},
		{"another program's -p", []string{"sh", "-c", "mongosh --eval x; mkdir -p /data && cp -p tiger x"}, nil},
		{"another program's -p, on another line", []string{"sh", "-c", "mongosh --eval x\nmkdir -p /data\nredis-cli ping\nls -a tiger"}, nil},
		{"a value that is called like a program", []string{"app", "--db", "mongo", "-p", "8080x"}, nil},
		{"a port for mysql", []string{"wait-for", "mysql", "-p3306"}, nil},
		{"curl in brackets", []string{"sh", "-c", "X=$(curl -u shop:tiger http://api)"}, []int{2}},
		{"a long line", []string{"sh", "-c", "mysql \\\n  -uroot \\\n  -ptiger"}, []int{2}},
		{"curl asks", []string{"sh", "-c", "curl -u shop http://api:8080; curl -sLou http://api"}, nil},
		{"flags of programs", []string{"--tls-private-key-file=/etc/k.pem", "--token-auth-file=x", "--service-account-key-file=/a.pub", "--authentication-token-webhook=true"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var at []int
			InArguments(tt.args, func(i int, f Found) bool {
				if f.Kind == "" {
					t.Error("a kind is missing")
				}
				at = append(at, i)
				return true
			})
			if len(at) != len(tt.at) {
				t.Fatalf("found at %v, want %v", at, tt.at)
			}
			for i := range at {
				if at[i] != tt.at[i] {
					t.Fatalf("found at %v, want %v", at, tt.at)
				}
			}
		})
	}
	n := 0
	InArguments([]string{"--password=tiger", "--password=lion"}, func(int, Found) bool { n++; return false })
	if n != 1 {
		t.Errorf("called %d times after it said stop", n)
	}
}

// TestLongTexts: twice the text takes about twice the time, whatever is in it.
func TestLongTexts(t *testing.T) {
	for _, piece := range []string{
		"token=", "token = ", "<token>", "a@tcp(", "requirepass ", "identified by '", "requirepass", "https://hooks.slack.com/services/TA/", "-", "\t", "password => ", `token="`, "eyJ-", "eyJ.", "LS0tLS1CRUdJTi/", "a://b:", "-----BEGIN PRIVATE KEY-----", "password: ", " ", "=", "sk-ant-", "SG.", `"token":`, "a.-_",
	} {
		took := func(n int) time.Duration {
			text := strings.Repeat(piece, n/len(piece))
			best := time.Hour
			for range 5 { // the best, since a busy machine is slow now and then
				start := time.Now()
				InSetting("LICENSE_KEY", text)
				InArguments([]string{text}, func(int, Found) bool { return true })
				best = min(best, time.Since(start))
			}
			return best
		}
		// Eight times as much: a square would be 64 times as long.
		if small, large := took(1<<15), took(1<<18); large > 32*small && large > 100*time.Millisecond {
			t.Errorf("%q: %v, and for eight times as much %v", piece, small, large)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"", "a", "hunter2", `{"password":"x"}`, "a://b:c@d", "--password", "-----BEGIN PRIVATE KEY-----", "eyJ.eyJ.", "token: x", `\"`, "="} {
		f.Add("DB_PASSWORD", s)
		f.Add("LICENSE_KEY", s)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		for _, found := range []func() (Found, bool){
			func() (Found, bool) { return InSetting(name, value) },
			func() (Found, bool) { return InText(value) },
			func() (f Found, ok bool) {
				InArguments([]string{name, value}, func(i int, g Found) bool {
					if i < 0 || i > 1 {
						t.Errorf("argument %d", i)
					}
					f, ok = g, true
					return true
				})
				return f, ok
			},
		} {
			got, ok := found()
			if ok != (got.Kind != "") || !ok && got.Sure {
				t.Errorf("%+v, %v", got, ok)
			}
			// A kind is one of a few words of ours, and never comes from the value.
			if ok && !kinds[got.Kind] {
				t.Errorf("the kind is %q", got.Kind)
			}
		}
	})
}

var kinds = map[string]bool{
	"a password": true, "a token or key": true, "what looks like a key": true, "an address with a password in it": true, "a private key": true,
	"a user and a password": true, "an AWS access key": true, "a Google API key": true, "a GitHub token": true, "a GitLab token": true, "a Slack token": true,
	"a Stripe key": true, "an API key": true, "an npm token": true, "a PyPI token": true, "a DigitalOcean token": true, "a Vault token": true,
	"a signed token (JWT)": true, "a SendGrid key": true, "a Hugging Face token": true, "an address that works as a key": true,
}

func BenchmarkInSetting(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		InSetting("LOG_LEVEL", "info")
		InSetting("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc.cluster.local")
		InSetting("JAVA_OPTS", "-Xmx512m -Xms256m -Dfile.encoding=UTF-8")
	}
}
