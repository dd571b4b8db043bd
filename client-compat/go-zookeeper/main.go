// The questions that go-zookeeper asks of the servers given as the one argument.
//
// The exit status is 0 when every answer was as expected; else the reason stands in the file
// that $COMPAT_REASON names.
package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const questionLimit = 120 * time.Second

// A question is asked by a function that panics, by way of an asker's methods, at a wrong answer.
type question struct {
	name string
	ask  func(a *asker)
}

// answer asks one question within its time; "" if all was as expected.
func answer(q question, a *asker) string {
	result := make(chan string, 1)
	go func() {
		defer func() {
			switch problem := recover().(type) {
			case nil:
				result <- ""
			case wrong:
				result <- string(problem)
			default:
				panic(problem)
			}
		}()
		q.ask(a)
	}()
	select {
	case text := <-result:
		return text
	case <-time.After(questionLimit):
		return fmt.Sprintf("no answer within %v", questionLimit)
	}
}

func askAll(questions []question, connect, root string) []string {
	var failed []string
	for _, q := range questions {
		start := time.Now()
		a := newAsker(connect, root+"/"+q.name)
		text := answer(q, a)
		expired := a.cleanUp()
		if text == "" && expired > 0 {
			text = fmt.Sprintf("%d sessions expired that should not", expired)
		}
		verdict := "ok   "
		if text != "" {
			verdict = "wrong"
			failed = append(failed, q.name+" ("+text+")")
		}
		fmt.Printf("  %s %s (%.1f s)\n", verdict, q.name, time.Since(start).Seconds())
		if text != "" {
			fmt.Printf("          %s\n", text)
		}
	}
	return failed
}

// removeTree removes what the questions have left, as the super user whom no ACL stops.
func removeTree(conn *zk.Conn, path string) {
	names, _, err := conn.Children(path)
	if err != nil {
		return
	}
	for _, name := range names {
		removeTree(conn, path+"/"+name)
	}
	_ = conn.Delete(path, -1)
}

// A noLog keeps nothing: the first client is there to make and to remove the path of the others.
type noLog struct{}

func (noLog) Printf(string, ...interface{}) {}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go-zookeeper HOST:PORT[,HOST:PORT...]")
		os.Exit(2)
	}
	connect := os.Args[1]
	salt := make([]byte, 6)
	if _, err := rand.Read(salt); err != nil {
		panic(err)
	}
	root := fmt.Sprintf("/compat-go-zookeeper-%x", salt)
	owner, _, err := zk.Connect(strings.Split(connect, ","), 20*time.Second, zk.WithLogger(noLog{}))
	if err == nil {
		err = owner.AddAuth("digest", []byte("super:compat"))
	}
	if err == nil {
		_, err = owner.Create(root, nil, 0, zk.WorldACL(zk.PermAll))
	}
	if err != nil {
		finish(fmt.Sprintf("the first connection: %v", err))
	}

	var questions []question
	for _, group := range [][]question{basics, rights, watches, sessions, moving} {
		questions = append(questions, group...)
	}
	if os.Getenv("COMPAT_ENSEMBLE") == "" {
		for _, q := range failover {
			fmt.Printf("  skipped: %s (no ensemble whose servers may be killed)\n", q.name)
		}
	} else {
		questions = append(questions, failover...)
	}
	failed := askAll(questions, connect, root)
	removeTree(owner, root)
	owner.Close()
	fmt.Printf("  %d questions, %d wrong answers\n", len(questions), len(failed))
	if len(failed) > 0 {
		finish(fmt.Sprintf("%d of %d questions: %s", len(failed), len(questions), strings.Join(failed, "; ")))
	}
}

// finish ends the program with a reason for its failure.
func finish(reason string) {
	reason = strings.ReplaceAll(reason, "\n", " ")
	if err := os.WriteFile(os.Getenv("COMPAT_REASON"), []byte(reason+"\n"), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, reason)
	}
	os.Exit(1)
}
