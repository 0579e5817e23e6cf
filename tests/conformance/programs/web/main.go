// web stands in for nginx and httpd where critest looks at them from outside: a master process with such a title, one worker
// below it that answers on a port, and a file with the master's pid. Usage: web NAME PORT PIDFILE
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	page      = "<html><body><h1>It works</h1></body></html>\n"
	workerEnv = "CRIB_WEB_WORKER=1"
	// The first file that a child gets beside its standard ones.
	listenerFd = 3
)

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: web NAME PORT PIDFILE"))
	}
	name, port, pidFile := os.Args[1], os.Args[2], os.Args[3]
	title := name + ": master process " + name
	program, err := os.Executable()
	fail(err)
	switch {
	case os.Getenv("CRIB_WEB_WORKER") != "":
		work()
	case os.Args[0] != title:
		// A process takes the title that it is executed with.
		fail(syscall.Exec(program, []string{title, name, port, pidFile}, os.Environ()))
	default:
		lead(program, name, port, pidFile)
	}
}

// lead starts the worker and stays until it is told to leave or the worker has ended.
func lead(program, name, port, pidFile string) {
	listener, err := net.Listen("tcp", ":"+port)
	fail(err)
	file, err := listener.(*net.TCPListener).File()
	fail(err)
	fail(os.WriteFile(pidFile, []byte(fmt.Sprintln(os.Getpid())), 0o644))
	fmt.Fprintf(os.Stderr, "%s: listening on port %s, command line: '%s -D FOREGROUND'\n", name, port, name)
	worker, err := os.StartProcess(program, []string{name, name, port, pidFile}, &os.ProcAttr{
		Env:   append(os.Environ(), workerEnv),
		Files: []*os.File{nil, os.Stdout, os.Stderr, file},
	})
	fail(err)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	ended := make(chan struct{})
	go func() { worker.Wait(); close(ended) }()
	select {
	case <-told:
		worker.Kill()
	case <-ended:
		os.Exit(1)
	}
}

func work() {
	listener, err := net.FileListener(os.NewFile(listenerFd, "listener"))
	fail(err)
	for {
		connection, err := listener.Accept()
		fail(err)
		go answer(connection)
	}
}

// answer gives the page to one request, of whatever kind.
func answer(connection net.Conn) {
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	body := page
	for lines, first := bufio.NewScanner(connection), true; lines.Scan() && lines.Text() != ""; first = false {
		if first && strings.HasPrefix(lines.Text(), "HEAD ") {
			body = ""
		}
	}
	fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(page), body)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
