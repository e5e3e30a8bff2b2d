// Command helper is the first process of the containers that the tests make:
// it listens on two ports, has one child, and waits for the end of standard input.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
)

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == "wait" {
		_, err = io.Copy(io.Discard, os.Stdin)
	} else {
		err = serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(1)
	}
}

func serve() error {
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	udp, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil { // no IPv6
		if udp, err = net.ListenPacket("udp4", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	child := exec.Command("/helper", "wait")
	child.Stdout, child.Stderr = os.Stderr, os.Stderr // there is no /dev/null
	hold, err := child.StdinPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]int{
		"TCP": tcp.Addr().(*net.TCPAddr).Port, "UDP": udp.LocalAddr().(*net.UDPAddr).Port,
	}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, hold.Close(), child.Wait())
}
