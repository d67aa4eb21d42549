// Reads an evidence log with the Go project's own packages for transparency logs, which share nothing with ours:
// sumdb/note judges the signature of the checkpoint, sumdb/tlog the tiles and the tree.
//
//	oracle DIR KEY    prints `<entries> entries, root <base64>`; exit 1 with what is wrong
//
// Built without modules on Debian's golang-golang-x-mod-dev. The layout of files is that of C2SP tlog-tiles:
// tile/<level>/<number>[.p/<width>], tile/entries/<number>[.p/<width>], a bundle being entries each after its length (uint16).
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// numbered is the path of tile or bundle n with so many pieces.
func numbered(folder string, n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = filepath.Join("tile", folder, path)
	if width < 1<<height {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

// read gives the file, or the beginning of the whole tile, which may have replaced a partial one.
func read(dir, folder string, n int64, width int) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, numbered(folder, n, width)))
	if os.IsNotExist(err) {
		return os.ReadFile(filepath.Join(dir, numbered(folder, n, 1<<height)))
	}
	return data, err
}

type tiles struct{ dir string }

func (t tiles) Height() int                         { return height }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range wanted {
		data, err := read(t.dir, strconv.Itoa(tile.L), tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		if len(data) < tile.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %v has %d bytes", tile, len(data))
		}
		out = append(out, data[:tile.W*tlog.HashSize])
	}
	return out, nil
}

// checkpoint opens the signed note: origin, size, root.
func checkpoint(dir, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	must(err)
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		must(fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), opened.Text))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	tree := tlog.Tree{N: size}
	if copy(tree.Hash[:], root) != tlog.HashSize {
		must(fmt.Errorf("a root of %d bytes", len(root)))
	}
	return tree
}

// entries compares the hash of each entry with the tree's, whose reader proves what it gives by the signed root.
func entries(dir string, tree tlog.Tree) {
	hashes := tlog.TileHashReader(tree, tiles{dir})
	for first := int64(0); first < tree.N; first += 1 << height {
		width := int(min(1<<height, tree.N-first))
		bundle, err := read(dir, "entries", first>>height, width)
		must(err)
		for i := 0; i < width; i++ {
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				must(fmt.Errorf("entry %d is cut off", first+int64(i)))
			}
			length := int(binary.BigEndian.Uint16(bundle))
			leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, first+int64(i))})
			must(err)
			if tlog.RecordHash(bundle[2:2+length]) != leaf[0] {
				must(fmt.Errorf("entry %d is not that of the tree", first+int64(i)))
			}
			bundle = bundle[2+length:]
		}
	}
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func main() {
	if len(os.Args) != 3 {
		must(fmt.Errorf("usage: oracle DIR KEY"))
	}
	dir := os.Args[1]
	tree := checkpoint(dir, os.Args[2])
	entries(dir, tree)
	root, err := tlog.TreeHash(tree.N, tlog.TileHashReader(tree, tiles{dir}))
	must(err)
	if root != tree.Hash {
		must(fmt.Errorf("the tiles do not give the signed root"))
	}
	fmt.Printf("%d entries, root %s\n", tree.N, tree.Hash)
}
