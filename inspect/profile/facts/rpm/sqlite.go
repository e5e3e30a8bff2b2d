package rpm

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite" // also registers the driver
	sqlite3 "modernc.org/sqlite/lib"
)

// maxBlob is more than any package's header has.
const maxBlob = 64 << 20

// readSQLite reads rpmdb.sqlite. The library wants files, so they are written
// to a folder of our own for as long as it takes.
func readSQLite(ctx context.Context, data, wal []byte, add func([]byte) error) (err error) {
	dir, err := os.MkdirTemp("", "assay-rpm-")
	if err != nil {
		return fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "rpmdb.sqlite")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return err
	}
	options := url.Values{"_pragma": {"trusted_schema(0)", "cell_size_check(1)"}}
	if len(wal) > 0 {
		if err := os.WriteFile(file+"-wal", wal, 0o600); err != nil {
			return err
		}
	} else {
		options.Set("mode", "ro")
		options.Set("immutable", "1") // else the library makes a log of its own where the database wants one
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: options.Encode()}).String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := sqlite.Limit(conn, sqlite3.SQLITE_LIMIT_LENGTH, maxBlob); err != nil {
		return err
	}
	if err := plainTable(ctx, conn); err != nil {
		return err
	}
	return packageRows(ctx, conn, int64(len(data)+len(wal)), add)
}

// plainTable makes sure that Packages is what rpm makes it: a view under that
// name could go on for ever.
func plainTable(ctx context.Context, conn *sql.Conn) error {
	var kind, text string
	err := conn.QueryRowContext(ctx, `SELECT type, sql FROM sqlite_schema WHERE name = 'Packages' COLLATE NOCASE`).Scan(&kind, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return errors.New("it has no table Packages")
	}
	if err != nil {
		return err
	}
	words := strings.Fields(strings.ToUpper(text))
	if kind != "table" || len(words) < 2 || words[0] != "CREATE" || words[1] != "TABLE" || strings.Contains(strings.ToUpper(text), "GENERATED") {
		return errors.New("its table Packages is not rpm's")
	}
	return nil
}

func packageRows(ctx context.Context, conn *sql.Conn, limit int64, add func([]byte) error) (err error) {
	rows, err := conn.QueryContext(ctx, `SELECT blob FROM Packages`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var total int64
	for rows.Next() {
		var blob sql.RawBytes
		if err := rows.Scan(&blob); err != nil {
			return err
		}
		// What is stored once can't be more than the file: pages that are used
		// over and over are a trap.
		if total += int64(len(blob)) + 1; total > limit {
			return errors.New("its table holds more than the file")
		}
		if err := add(blob); err != nil {
			return err
		}
	}
	return rows.Err()
}
