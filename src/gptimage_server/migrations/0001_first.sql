-- Made from gptimage_server.tables; see migrations/__init__.py.
CREATE TABLE "accounts" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "email" TEXT NOT NULL DEFAULT '',
  "email_hash" VARCHAR(64) NOT NULL DEFAULT '',
  "state" VARCHAR(20) NOT NULL DEFAULT 'active',
  "age_outcome" VARCHAR(20) NOT NULL DEFAULT '',
  "country" VARCHAR(2) DEFAULT null
);
CREATE INDEX accounts_owner ON "accounts" ("owner");
CREATE INDEX accounts_email_hash ON "accounts" ("email_hash");
CREATE TABLE "sign_in_links" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "token_hash" VARCHAR(64) NOT NULL DEFAULT '',
  "expires_at" INTEGER NOT NULL DEFAULT 0,
  "used_at" INTEGER DEFAULT null
);
CREATE INDEX sign_in_links_token_hash ON "sign_in_links" ("token_hash");
CREATE TABLE "sessions" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "token_hash" VARCHAR(64) NOT NULL DEFAULT '',
  "signed_in_at" INTEGER NOT NULL DEFAULT 0,
  "expires_at" INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sessions_owner ON "sessions" ("owner");
CREATE INDEX sessions_token_hash ON "sessions" ("token_hash");
CREATE TABLE "age_blocks" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "key_hash" VARCHAR(64) NOT NULL DEFAULT ''
);
CREATE INDEX age_blocks_key_hash ON "age_blocks" ("key_hash");
CREATE TABLE "acceptances" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "terms" VARCHAR(40) NOT NULL DEFAULT ''
);
CREATE INDEX acceptances_owner ON "acceptances" ("owner");
CREATE TABLE "notices_shown" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "policy_version" INTEGER NOT NULL DEFAULT 0,
  "policy_digest" VARCHAR(80) NOT NULL DEFAULT ''
);
CREATE INDEX notices_shown_owner ON "notices_shown" ("owner");
CREATE TABLE "images" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "prompt" TEXT NOT NULL DEFAULT '',
  "size" VARCHAR(20) NOT NULL DEFAULT '',
  "seed" INTEGER NOT NULL DEFAULT 0,
  "style" VARCHAR(40) NOT NULL DEFAULT '',
  "model" VARCHAR(80) NOT NULL DEFAULT '',
  "made_from_upload" BOOLEAN NOT NULL DEFAULT false,
  "picture" VARCHAR(40) DEFAULT null,
  "thumbnail" VARCHAR(40) DEFAULT null,
  "media_type" TEXT DEFAULT null,
  "picture_sha256" TEXT DEFAULT null
);
CREATE INDEX images_owner ON "images" ("owner");
CREATE TABLE "reference_images" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "image" VARCHAR(40) REFERENCES "images" ("id") ON DELETE CASCADE ON UPDATE CASCADE DEFAULT null,
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "blob" VARCHAR(40) NOT NULL DEFAULT '',
  "media_type" TEXT NOT NULL DEFAULT '',
  "blob_sha256" TEXT NOT NULL DEFAULT ''
);
CREATE INDEX reference_images_image ON "reference_images" ("image");
CREATE TABLE "jobs" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "image" VARCHAR(40) REFERENCES "images" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION DEFAULT null,
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "state" VARCHAR(20) NOT NULL DEFAULT 'waiting',
  "progress" INTEGER NOT NULL DEFAULT 0,
  "cost" INTEGER NOT NULL DEFAULT 0,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "fault" VARCHAR(60) DEFAULT null,
  "started_at" INTEGER DEFAULT null,
  "ended_at" INTEGER DEFAULT null
);
CREATE INDEX jobs_owner ON "jobs" ("owner");
CREATE INDEX jobs_image ON "jobs" ("image");
CREATE TABLE "credit_accounts" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "kind" VARCHAR(20) NOT NULL DEFAULT '',
  "balance" INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX credit_accounts_owner ON "credit_accounts" ("owner");
CREATE TABLE "credit_transfers" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "reason" VARCHAR(20) NOT NULL DEFAULT '',
  "about" VARCHAR(40) NOT NULL DEFAULT '',
  "amount" INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX credit_transfers_owner ON "credit_transfers" ("owner");
CREATE TABLE "credit_entries" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "transfer" VARCHAR(40) REFERENCES "credit_transfers" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION DEFAULT null,
  "account" VARCHAR(40) REFERENCES "credit_accounts" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION DEFAULT null,
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "amount" INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX credit_entries_owner ON "credit_entries" ("owner");
CREATE INDEX credit_entries_transfer ON "credit_entries" ("transfer");
CREATE INDEX credit_entries_account ON "credit_entries" ("account");
CREATE TABLE "exports" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "archive" VARCHAR(40) NOT NULL DEFAULT '',
  "summary" TEXT NOT NULL DEFAULT ''
);
CREATE INDEX exports_owner ON "exports" ("owner");
CREATE TABLE "requests" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "kind" VARCHAR(40) NOT NULL DEFAULT '',
  "due_at" INTEGER NOT NULL DEFAULT 0,
  "answered_at" INTEGER DEFAULT null,
  "answer" VARCHAR(40) DEFAULT null
);
CREATE INDEX requests_owner ON "requests" ("owner");
CREATE TABLE "request_log" (
  "request_id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "timestamp" INTEGER NOT NULL DEFAULT 0,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "ip_address" VARCHAR(64) NOT NULL DEFAULT '',
  "user_agent" TEXT NOT NULL DEFAULT '',
  "route" VARCHAR(200) NOT NULL DEFAULT '',
  "response_status" INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX request_log_timestamp ON "request_log" ("timestamp");
CREATE TABLE "model_events" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "timestamp" INTEGER NOT NULL DEFAULT 0,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "job" VARCHAR(40) NOT NULL DEFAULT '',
  "model" VARCHAR(80) NOT NULL DEFAULT '',
  "duration_ms" INTEGER NOT NULL DEFAULT 0,
  "outcome" VARCHAR(20) NOT NULL DEFAULT ''
);
CREATE INDEX model_events_timestamp ON "model_events" ("timestamp");
CREATE TABLE "security_events" (
  "id" VARCHAR(40) PRIMARY KEY NOT NULL DEFAULT '',
  "owner" VARCHAR(40) NOT NULL DEFAULT '',
  "tenant" VARCHAR(40) NOT NULL DEFAULT '',
  "recorded" INTEGER NOT NULL DEFAULT 0,
  "keep_ended" INTEGER DEFAULT null,
  "collected_under" INTEGER NOT NULL DEFAULT 0,
  "kind" VARCHAR(40) NOT NULL DEFAULT '',
  "ip_address" VARCHAR(64) NOT NULL DEFAULT ''
);
CREATE INDEX security_events_owner ON "security_events" ("owner");
-- One address, one account, among the accounts that are kept.
CREATE UNIQUE INDEX accounts_one_address ON accounts (tenant, email_hash) WHERE keep_ended IS NULL;
-- One account of each kind in a person's books.
CREATE UNIQUE INDEX credit_accounts_one_kind ON credit_accounts (tenant, owner, kind);
